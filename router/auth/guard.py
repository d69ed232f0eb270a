"""This module decides who a caller is, and what it may do. Pure: values in, values out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from router.auth.jwt import looks_like_jwt
from router.auth.keys import find_key, principal_of
from router.auth.peers import is_local_host
from router.canonical.principal import Principal
from router.config.snapshot import IngressAuth
from router.errors import AuthenticationFailed, PermissionDenied

LOCAL = Principal("local", "open")
"""Whoever calls from this machine where no key is configured."""
ANONYMOUS = Principal("anonymous", "open")
"""A stranger whom ``INGRESS_AUTH_REQUIRED=false`` lets in."""

_BEARER = re.compile(r"bearer +(?P<token>\S.*)", re.IGNORECASE)
# WSGI servers join repeated headers with a comma.
_SECOND_CREDENTIAL = re.compile(r",\s*[A-Za-z][A-Za-z0-9-]*\s+\S")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the caller's headers carry; each as sent.

    Attributes
    ----------
    authorization : tuple of str
        Every ``Authorization`` header.
    """

    authorization: tuple[str, ...] = field(default=(), repr=False)
    x_api_key: str | None = field(default=None, repr=False)
    x_goog_api_key: str | None = field(default=None, repr=False)
    x_router_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Peer:
    """Where the request comes from.

    Attributes
    ----------
    address : str
        The socket's other end.
    is_loopback : bool
        The socket's other end is this machine.
    forwarded : bool
        A header betrays a proxy in between (`router.auth.peers.FORWARDING_HEADERS`).
    host : str, optional
        The ``Host`` header.
    has_origin : bool
        An ``Origin`` header is present: a browser's page asks.
    """

    address: str
    is_loopback: bool
    forwarded: bool = False
    host: str | None = None
    has_origin: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """A caller who may come in.

    Attributes
    ----------
    credential_header : str, optional
        The header, in lower case, that carried the accepted credential.
    withheld_headers : frozenset of str
        Every header that carries a credential of this gateway; never forward these.
    """

    principal: Principal
    credential_header: str | None = None
    withheld_headers: frozenset[str] = frozenset()


def authenticate(
    credentials: Credentials,
    auth: IngressAuth,
    peer: Peer,
    verify_jwt: Callable[[str], Principal],
) -> Admission:
    """Return who is calling.

    A token in ``x-router-key`` decides alone, as the other headers are then the
    provider's (``auth_mode: passthrough``).

    Parameters
    ----------
    verify_jwt : callable
        Called only where OAuth is configured; raises as `router.auth.jwt.verify`.

    Raises
    ------
    AuthenticationFailed
        No credential, a wrong one, or two ``Authorization`` headers.
    PermissionDenied
        No auth is configured, and the caller is not plainly on this machine; or a
        genuine JWT lacks a scope.
    """
    tokens = _tokens(credentials)
    if not auth.required:
        return _admit_openly(tokens, auth, peer)
    if not tokens:
        raise AuthenticationFailed(
            "Missing Bearer token. Send the gateway's key as 'Authorization: Bearer <key>'"
            " or 'x-api-key: <key>'."
        )
    deciding = {"x-router-key": tokens["x-router-key"]} if "x-router-key" in tokens else tokens
    return _admit_by_key(deciding, tokens, auth) or _admit_by_jwt(
        deciding, tokens, auth, verify_jwt
    )


def require_admin(principal: Principal, auth: IngressAuth) -> None:
    """Let only administrators pass.

    That is a key marked as admin's; where no key at all is configured, the caller on
    this machine.

    Raises
    ------
    PermissionDenied
        For everybody else.
    """
    is_unguarded = not auth.keys and auth.oauth is None
    if principal.is_admin or (is_unguarded and principal == LOCAL):
        return
    raise PermissionDenied(
        "This needs an administrator's key: one of ROUTER_ADMIN_API_KEYS, or"
        " general_settings.master_key."
    )


def may_use(principal: Principal, model: str) -> bool:
    """Tell whether a caller's key allows a model.

    A pattern without a slash also matches what follows the first slash.

    Examples
    --------
    >>> limited = Principal("team-a", "key", models=("gpt-4o*", "anthropic/*"))
    >>> [may_use(limited, m) for m in ("gpt-4o-mini", "openai/gpt-4o", "anthropic/x", "o3")]
    [True, True, True, False]
    """
    if not principal.models:
        return True
    bare = model.partition("/")[2]
    return any(
        fnmatchcase(model, pattern) or ("/" not in pattern and bare and fnmatchcase(bare, pattern))
        for pattern in principal.models
    )


def _tokens(credentials: Credentials) -> dict[str, str]:
    """The tokens sent, by header; the order is the order in which they are tried."""
    authorization = credentials.authorization
    if len(authorization) > 1 or any(map(_SECOND_CREDENTIAL.search, authorization)):
        raise AuthenticationFailed("More than one Authorization header; send one.")
    bearer = _BEARER.fullmatch(authorization[0].strip()) if authorization else None
    sent = {
        "x-router-key": credentials.x_router_key,
        "authorization": bearer["token"] if bearer else None,
        "x-api-key": credentials.x_api_key,
        "x-goog-api-key": credentials.x_goog_api_key,
    }
    stripped = {name: (value or "").strip() for name, value in sent.items()}
    return {name: token for name, token in stripped.items() if token}


def _admit_by_key(
    deciding: Mapping[str, str], tokens: Mapping[str, str], auth: IngressAuth
) -> Admission | None:
    """The first configured key among `deciding`, if any."""
    for name, token in deciding.items():
        key = find_key(token, auth)
        if key is not None:
            return Admission(principal_of(key), name, _withheld(tokens, token, auth))
    return None


def _admit_by_jwt(
    deciding: Mapping[str, str],
    tokens: Mapping[str, str],
    auth: IngressAuth,
    verify_jwt: Callable[[str], Principal],
) -> Admission:
    """The caller whom the first token shaped as a JWT names."""
    if auth.oauth is not None:
        for name, token in deciding.items():
            if looks_like_jwt(token):
                return Admission(verify_jwt(token), name, _withheld(tokens, token, auth))
    raise AuthenticationFailed("Invalid API key.")


def _withheld(tokens: Mapping[str, str], accepted: str, auth: IngressAuth) -> frozenset[str]:
    """Headers with the accepted token, or with any key of ours."""
    return frozenset(
        name
        for name, token in tokens.items()
        if token == accepted or find_key(token, auth) is not None
    )


def _admit_openly(tokens: Mapping[str, str], auth: IngressAuth, peer: Peer) -> Admission:
    """Where no credential is needed: a key still says who calls, and who is admin."""
    known = _admit_by_key(tokens, tokens, auth)
    if known is not None:
        return known
    refusal = _why_not_local(peer)
    if refusal is None:
        return Admission(LOCAL, None, frozenset(tokens.keys() & {"x-router-key"}))
    if auth.explicitly_open:
        return Admission(ANONYMOUS, None, frozenset(tokens.keys() & {"x-router-key"}))
    raise PermissionDenied(refusal)


def _why_not_local(peer: Peer) -> str | None:
    """Why a caller is not plainly a program on this machine; None where it is."""
    if not peer.is_loopback or peer.forwarded:
        return (
            "No key is configured, so only callers on this machine are served. Set"
            " INGRESS_API_KEYS, or INGRESS_AUTH_REQUIRED=false to serve everybody."
        )
    if peer.has_origin or (peer.host and not is_local_host(peer.host)):
        return (
            "No key is configured, so requests of web pages and for other hosts than"
            " localhost are refused. Set INGRESS_API_KEYS and send a key."
        )
    return None
