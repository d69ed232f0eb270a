"""This module makes one target's call out of a request: converted only where it must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import orjson

from router.canonical.request import ChatRequest
from router.canonical.secret import Secret
from router.errors import InvalidRequest, UnsupportedFeature
from router.formats.base import Ingress, Upstream
from router.formats.registry import UPSTREAM
from router.providers.base import Operation, Target, UpstreamCall
from router.providers.kinds import KINDS
from router.providers.quirks import fit, with_defaults
from router.upstream.errands import quietened, without_thoughts


@dataclass(frozen=True, slots=True)
class Prepared:
    """One target's call, ready to be sent.

    Attributes
    ----------
    format : Upstream, optional
        Reads the answer; None where the answer is passed on unread.
    verbatim : bool
        The caller speaks the provider's format: bytes are relayed.
    dropped : tuple of str
        Parameters left out, by OpenAI's chat names.
    """

    call: UpstreamCall
    operation: Operation
    format: Upstream | None
    verbatim: bool
    dropped: tuple[str, ...] = ()


class Preparer(Protocol):
    """Makes the call for a target; what `dispatch` is given."""

    def prepare(self, target: Target, credential: Secret | None) -> Prepared:
        """Return the call.

        Raises
        ------
        UnsupportedFeature
            This target's format cannot say the request; another one's may.
        """
        ...


class ChatPreparer:
    """Prepares a chat request of any ingress format for any target.

    Parameters
    ----------
    body : mapping
        The caller's body without the router's own fields.
    decode : callable
        Decodes `body`; called once, and only if some target needs it.
    forwarded : mapping of str to str
        The caller's headers by lower-case name; each provider takes what it needs.
    strict : bool
        The caller wants a parameter that a target cannot say refused, not dropped.
    drop_params : bool
        What the configuration says of such parameters; a target's own word wins. What it
        names to be left out may always go.
    check_bridge : callable
        Raises `UnsupportedFeature` for what only the caller's own format can serve.
    """

    def __init__(
        self,
        ingress: Ingress,
        body: Mapping[str, Any],
        stream: bool,
        forwarded: Mapping[str, str],
        strict: bool,
        check_bridge: Callable[[Mapping[str, Any]], None] | None = None,
        *,
        drop_params: bool = True,
    ) -> None:
        self._ingress = ingress
        self._body = body
        self._stream = stream
        self._forwarded = forwarded
        self._strict = strict
        self._drop_params = drop_params
        self._check_bridge = check_bridge
        self._request: ChatRequest | None = None
        self._is_errand = False

    def think_little(self) -> None:
        """Ask targets not to reason, where they are known to take that."""
        self._is_errand = True

    @property
    def request(self) -> ChatRequest:
        """The canonical request, decoded on first use.

        Raises
        ------
        InvalidRequest
            The body is not what its format allows.
        """
        if self._request is None:
            self._request = self._ingress.decode_request(self._body)
        return self._request

    def prepare(self, target: Target, credential: Secret | None) -> Prepared:
        """Return the call for a target."""
        provider = KINDS[target.account.kind]
        spoken = provider.formats(target.account)
        verbatim = self._ingress.name in spoken
        name = self._ingress.name if verbatim else spoken[0]
        body, dropped = self._encode(target, name, verbatim)
        body, unfit = fit(body, target.account.quirks, target.extra_drop)
        self._refuse_dropped(target, (*dropped, *unfit))
        operation = Operation(name, self._stream)
        call = provider.build(target, operation, _written(body), credential)
        call = _with_forwarded(call, self._forwarded, provider.forwarded_headers)
        return Prepared(call, operation, UPSTREAM[name], verbatim, (*dropped, *unfit))

    def _encode(
        self, target: Target, name: str, verbatim: bool
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return the body in the format that the target is spoken to in."""
        if verbatim:
            body = self._ingress.passthrough_body(self._body, target.traits)
            body = with_defaults(body, target.defaults, name)
            return (quietened(body, target, name) if self._is_errand else body), ()
        if self._check_bridge is not None:
            self._check_bridge(self._body)
        request = self.request
        if self._is_errand and request.reasoning is None:
            request = replace(request, reasoning=without_thoughts(target, name))
        encoded = UPSTREAM[name].encode_request(request, target.traits)
        return with_defaults(encoded.body, target.defaults, name), encoded.dropped

    def _refuse_dropped(self, target: Target, dropped: tuple[str, ...]) -> None:
        """Refuse what cannot be said, where the caller or the configuration wants that."""
        may_drop = self._drop_params if target.drop_params is None else target.drop_params
        refused = dropped
        if not self._strict:
            refused = () if may_drop else tuple(p for p in dropped if p not in target.extra_drop)
        if refused:
            raise UnsupportedFeature(
                f'model "{target.model}" cannot be told {", ".join(refused)}; leave it out, or'
                " allow dropping (drop_params)",
                param=refused[0],
                code="unsupported_parameter",
            )


def _written(body: Mapping[str, Any]) -> bytes:
    """Return the JSON of a body.

    Raises
    ------
    InvalidRequest
        A converted field cannot be written: arguments that came as a string may be nested
        deeper than 254 levels, numbers may exceed 64 bits.
    """
    try:
        return orjson.dumps(body)
    except TypeError as exc:
        name = next((name for name in body if not _can_be_written(body[name])), None)
        raise InvalidRequest(f"{name}: {str(exc).lower()}", param=name) from exc


def _can_be_written(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def _with_forwarded(
    call: UpstreamCall, sent: Mapping[str, str], wanted: frozenset[str]
) -> UpstreamCall:
    """Add the caller's headers that a provider needs to see; ours win."""
    forwarded = {name: sent[name] for name in wanted if name in sent}
    if not forwarded:
        return call
    return replace(call, headers={**forwarded, **call.headers})


class RawPreparer:
    """Prepares a body that goes to the provider as it is, but for the model's name.

    Parameters
    ----------
    operation : Operation
        What is asked for.
    body_for : callable
        Target -> body bytes, its model's name in it.
    """

    def __init__(
        self,
        operation: Operation,
        body_for: Callable[[Target], bytes],
        forwarded: Mapping[str, str],
    ) -> None:
        self._operation = operation
        self._body_for = body_for
        self._forwarded = forwarded

    def prepare(self, target: Target, credential: Secret | None) -> Prepared:
        """Return the call for a target.

        Raises
        ------
        UnsupportedFeature
            The target's provider has no such endpoint.
        """
        provider = KINDS[target.account.kind]
        if not provider.supports(target.account, self._operation):
            what = self._operation.path or self._operation.format.removeprefix("openai_")
            raise UnsupportedFeature(
                f'model "{target.model}": its provider ({target.account.provider}) has no'
                f" endpoint for {what}",
                param="model",
            )
        call = provider.build(target, self._operation, self._body_for(target), credential)
        call = _with_forwarded(call, self._forwarded, provider.forwarded_headers)
        return Prepared(call, self._operation, None, verbatim=True)
