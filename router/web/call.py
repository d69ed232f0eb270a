"""This module holds one request as it came in: read once, then only looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Any

from flask import g, request

from router.auth.guard import may_use
from router.canonical.principal import Principal
from router.canonical.prompt import PromptView
from router.canonical.secret import Secret
from router.config.snapshot import Snapshot
from router.observe.fields import RequestFacts
from router.routing.controls import RequestControls, read_controls, strip_controls
from router.routing.match import leaves_choice
from router.web.body import lower_headers, parse_object, read_bytes, require_json
from router.web.gateway import Gateway
from router.web.guard import caller_credential


@dataclass(frozen=True, slots=True)
class Call:
    """A request, read.

    Attributes
    ----------
    headers : mapping of str to str
        By lower-case name.
    body : mapping
        Without the router's own fields.
    caller : Secret, optional
        The provider credential that came beside the router's key.
    body_digest : bytes
        SHA-256 of the body as sent, where the request has an Idempotency-Key; else empty.
    """

    snapshot: Snapshot
    request_id: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    principal: Principal
    controls: RequestControls
    body: Mapping[str, Any] = field(repr=False)
    view: PromptView = field(repr=False)
    caller: Secret | None = None
    body_digest: bytes = b""

    @property
    def facts(self) -> RequestFacts:
        """What every audit event tells."""
        return RequestFacts(
            self.request_id, self.path, self.view.stream, self.principal, self.snapshot.digest
        )

    def may_use(self, model: str) -> bool:
        """Tell whether the caller's key allows a model."""
        return may_use(self.principal, model)


Amend = Callable[[dict[str, Any]], None]


def read_call(
    gateway: Gateway, view: Callable[[Mapping[str, Any]], PromptView], amend: Amend | None = None
) -> Call:
    """Read the request that Flask is serving.

    Parameters
    ----------
    view : callable
        Glances at a body of the endpoint's format.
    amend : callable, optional
        Writes into the body what the format has in the URL.

    Raises
    ------
    RequestError
        The body is not what the endpoint takes.
    """
    require_json(request)
    snapshot: Snapshot = g.snapshot
    data = read_bytes(request, snapshot.limits, gateway.read_body)
    body = parse_object(data)
    if amend is not None:
        amend(body)
    headers = lower_headers(request.headers)
    return Call(
        snapshot=snapshot,
        request_id=g.request_id,
        path=request.path,
        headers=headers,
        principal=g.admission.principal,
        controls=read_controls(body, headers, partial(leaves_choice, snapshot)),
        body=strip_controls(body),
        view=view(body),
        caller=caller_credential(g.admission),
        body_digest=sha256(data).digest() if "idempotency-key" in headers else b"",
    )
