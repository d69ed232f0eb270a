"""This module asks, before every route but health, who is calling.

Flask-HTTPAuth gives the frame; which headers may carry a key, and what a key is worth, is
decided by `router.auth.guard`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Flask, Response, g, request
from flask_httpauth import HTTPTokenAuth

from router.auth.guard import Admission, Credentials, Peer, authenticate, require_admin
from router.auth.openwebui import ID_HEADER, JWT_HEADER, Claimed, person_behind
from router.auth.peers import FORWARDING_HEADERS, client_address, is_loopback
from router.canonical.principal import Principal
from router.canonical.secret import Secret
from router.config.snapshot import IngressAuth, OAuthIngress
from router.web.gateway import Gateway

_NOBODY = Claimed()
VerifyJwt = Callable[[str, OAuthIngress], Principal]


class Guard(HTTPTokenAuth):  # type: ignore[misc]
    """Authentication by key or JWT, wherever a client's SDK puts it."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(scheme="Bearer")
        self._gateway = gateway

    def get_auth(self) -> Any:
        """Return what the headers carry, in place of one Authorization header."""
        return _credentials()

    def authenticate(self, auth: Any, stored_password: Any) -> Admission:  # noqa: ARG002
        """Admit the caller; refusals are raised, so that the caller's format tells them."""
        snapshot = self._gateway.holder.current
        admission = admit(self._gateway, snapshot.auth, auth)
        g.admission, g.snapshot = admission, snapshot
        return admission

    def get_auth_password(self, auth: Any) -> None:
        """Return nothing: keys are compared by digest, in `authenticate`."""

    def protect(self, app: Flask, is_open: Callable[[str | None], bool]) -> None:
        """Ask for a credential before every request, unknown paths included.

        Parameters
        ----------
        is_open : callable
            Tells of a Flask endpoint whether it answers everybody.
        """
        check: Callable[[], None] = self.login_required(_admitted)

        @app.before_request
        def before() -> None:
            if is_open(request.endpoint):
                return
            check()
            if request.method == "OPTIONS":  # Flask-HTTPAuth lets it pass
                self.authenticate(self.get_auth(), None)


def _admitted() -> None:
    """Nothing left to do."""


def admit(gateway: Gateway, auth: IngressAuth, credentials: Credentials) -> Admission:
    """Return who is calling, or raise what `router.auth.guard.authenticate` raises."""

    def verify(token: str) -> Principal:
        assert auth.oauth is not None
        return gateway.verify_jwt(token, auth.oauth)

    # Where a key is needed, who asks from where makes no difference.
    peer = Peer("", is_loopback=False) if auth.required else _peer(auth)
    admission = authenticate(credentials, auth, peer, verify)
    claimed = Claimed(request.headers.get(JWT_HEADER), request.headers.get(ID_HEADER))
    if claimed == _NOBODY:
        return admission
    now_s = gateway.clock.now()
    person = person_behind(admission.principal, claimed, auth.user_jwt_key, now_s)
    return replace(admission, principal=person)


def admin_only(gateway: Gateway) -> None:
    """Refuse callers whose key is merely a client's."""
    require_admin(g.admission.principal, gateway.holder.current.auth)


def caller_credential(admission: Admission) -> Secret | None:
    """Return the provider's own credential that came beside the router's key, if any.

    It comes where the provider's SDK puts it: most in ``Authorization``.
    """
    if "authorization" in admission.withheld_headers:
        return None
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    tokens = [bearer] if scheme.lower() == "bearer" else []
    tokens += [
        request.headers.get(name, "")
        for name in ("x-api-key", "x-goog-api-key")
        if name not in admission.withheld_headers
    ]
    return next((Secret(token.strip()) for token in tokens if token.strip()), None)


def _credentials() -> Credentials:
    headers = request.headers
    return Credentials(
        authorization=tuple(headers.getlist("Authorization")),
        x_api_key=headers.get("x-api-key"),
        x_goog_api_key=headers.get("x-goog-api-key"),
        x_router_key=headers.get("x-router-key"),
    )


def _peer(auth: IngressAuth) -> Peer:
    """Return where the request comes from; forwarding headers count from trusted proxies only."""
    remote = request.remote_addr or ""
    forwarded = request.headers.get("X-Forwarded-For")
    address = client_address(remote, forwarded, auth.trusted_proxies)
    return Peer(
        address=address,
        is_loopback=is_loopback(remote),
        forwarded=any(name in request.headers for name in FORWARDING_HEADERS),
        host=request.headers.get("Host"),
        has_origin="Origin" in request.headers,
    )


def no_store(response: Response) -> Response:
    """Keep answers that depend on a credential out of shared caches."""
    response.headers.setdefault("Cache-Control", "no-store")
    return response
