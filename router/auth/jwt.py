"""This module verifies callers' JSON Web Tokens as RFC 8725 asks.

What a token says never chooses how it is checked: algorithms, keys, issuer and
audience come from the configuration alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jwt

from router.auth.jwks import KeySource, PublicKey, jwks_url
from router.canonical.principal import Principal
from router.config.snapshot import OAuthIngress
from router.errors import AuthenticationFailed, PermissionDenied

MAX_TOKEN_BYTES = 16 * 1024
_MAX_KID_CHARS = 256
_MAX_ID_CHARS = 256
# base64url of an opening brace and what may follow it in JSON.
_JSON_OBJECT = ("ey", "ew", "e3")
_KEY_CARRIERS = ("jwk", "jku", "x5u", "x5c")
_ID_CLAIMS = ("sub", "client_id", "email")
_SHARED_SECRET = frozenset({"HS256", "HS384", "HS512"})
_PUBLIC_KEY = frozenset(
    {
        *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
        *("ES256", "ES384", "ES512", "ES256K", "EdDSA"),
    }
)
# Claims are checked below, against a clock that is passed in.
_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


def looks_like_jwt(token: str) -> bool:
    """Tell whether a token has a JWT's shape: a JSON object in base64url, two dots.

    Examples
    --------
    >>> looks_like_jwt("eyJhbGciOiJub25lIn0.e30."), looks_like_jwt("sk-a.b.c")
    (True, False)
    """
    return token.count(".") == 2 and token.startswith(_JSON_OBJECT)


def verify(token: str, oauth: OAuthIngress, keys: KeySource, now_s: float) -> Principal:
    """Return the caller that a token names, once everything about it holds.

    Parameters
    ----------
    keys : KeySource
        Public keys; not asked where a shared secret is configured.
    now_s : float
        Seconds since the epoch.

    Raises
    ------
    AuthenticationFailed
        Malformed, not signed by a key of ours, expired, not for us, or nobody's.
    PermissionDenied
        Genuine, and without the scopes that are required.
    """
    header = _header(token)
    algorithm = _algorithm(header, oauth)
    kid = _kid(header)
    claims = _claims(token, algorithm, _candidates(oauth, keys, kid, algorithm))
    _check_times(claims, now_s, oauth.clock_skew_s)
    _check_origin(claims, oauth)
    principal = Principal(id=_principal_id(claims), method="jwt")
    _check_scopes(claims, oauth.required_scopes)
    return principal


def _header(token: str) -> Mapping[str, Any]:
    """The token's header, freed of every trick to choose key or meaning."""
    if len(token) > MAX_TOKEN_BYTES or not token.isascii():
        raise AuthenticationFailed(f"The token exceeds {MAX_TOKEN_BYTES} bytes or is not ASCII.")
    if token.count(".") != 2:
        raise AuthenticationFailed("The token is not a signed JWT.")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as exc:
        raise AuthenticationFailed("The token's header cannot be read.") from exc
    for name in ("crit", "b64", *_KEY_CARRIERS):
        if name in header:
            raise AuthenticationFailed(f'The token\'s "{name}" header is not accepted here.')
    if _is_for_another_purpose(header.get("typ")):
        raise AuthenticationFailed('The token\'s "typ" header names another purpose than access.')
    return header


def _is_for_another_purpose(typ: object) -> bool:
    """Explicit typing (RFC 8725, 3.11): a ``logout+jwt`` is no access token."""
    if typ is None:
        return False
    if not isinstance(typ, str):
        return True
    name = typ.lower().removeprefix("application/")
    return name.endswith("+jwt") and name != "at+jwt"


def _algorithm(header: Mapping[str, Any], oauth: OAuthIngress) -> str:
    """The token's algorithm, if it is a configured one of the configured family.

    One family only: a public key must never serve as a shared secret.
    """
    family = _SHARED_SECRET if oauth.jwt_secret is not None else _PUBLIC_KEY
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in family.intersection(oauth.algorithms):
        raise AuthenticationFailed("The token's signing algorithm is not accepted here.")
    return algorithm


def _kid(header: Mapping[str, Any]) -> str | None:
    """The key id; only ever looked up among the issuer's keys."""
    if "kid" not in header:
        return None
    kid = header["kid"]
    if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID_CHARS:
        raise AuthenticationFailed('The token\'s "kid" header is not a usable key id.')
    return kid


def _candidates(
    oauth: OAuthIngress, keys: KeySource, kid: str | None, algorithm: str
) -> tuple[PublicKey | str, ...]:
    """The configured secret, else the issuer's keys that fit."""
    if oauth.jwt_secret is not None:
        return (oauth.jwt_secret.value,)
    url = jwks_url(oauth)
    found = keys.find(url, kid, algorithm) if url is not None else ()
    if not found:
        raise AuthenticationFailed("The token's signing key is not among the issuer's keys.")
    return found


def _claims(
    token: str, algorithm: str, candidates: tuple[PublicKey | str, ...]
) -> Mapping[str, Any]:
    """The claims, once one candidate's signature holds."""
    for key in candidates:
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token, key, algorithms=[algorithm], options=_SIGNATURE_ONLY
            )
        except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
            continue
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as exc:
            raise AuthenticationFailed("The token cannot be read.") from exc
        return claims
    raise AuthenticationFailed("The token's signature does not hold.")


def _check_times(claims: Mapping[str, Any], now_s: float, skew_s: int) -> None:
    """``exp`` must be there; ``nbf`` and ``iat`` only must not lie ahead."""
    expires_at_s = _instant(claims, "exp")
    if expires_at_s is None:
        raise AuthenticationFailed('The token has no "exp" claim; one without end is refused.')
    if expires_at_s <= now_s - skew_s:
        raise AuthenticationFailed("The token has expired.")
    for name in ("nbf", "iat"):
        start_s = _instant(claims, name)
        if start_s is not None and start_s > now_s + skew_s:
            raise AuthenticationFailed(f'The token is not valid yet ("{name}").')


def _instant(claims: Mapping[str, Any], name: str) -> float | None:
    """A claim in seconds since the epoch; None where it is absent."""
    if name not in claims:
        return None
    value = claims[name]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (isinstance(value, float) and not math.isfinite(value)):
        raise AuthenticationFailed(f'The token\'s "{name}" claim is not a time in seconds.')
    number: float = value
    return number


def _check_origin(claims: Mapping[str, Any], oauth: OAuthIngress) -> None:
    """Issuer and audience, where configured."""
    if oauth.issuer is not None and claims.get("iss") != oauth.issuer:
        raise AuthenticationFailed("The token comes from another issuer than the configured one.")
    if oauth.audience is not None:
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        if oauth.audience not in named:
            raise AuthenticationFailed("The token is meant for another audience.")


def _principal_id(claims: Mapping[str, Any]) -> str:
    """Who the token speaks for: the first of the claims that names somebody."""
    for name in _ID_CLAIMS:
        value = claims.get(name)
        if isinstance(value, str) and 0 < len(value) <= _MAX_ID_CHARS and value.isprintable():
            return value
    raise AuthenticationFailed("The token names nobody: no usable sub, client_id or email claim.")


def _check_scopes(claims: Mapping[str, Any], required: tuple[str, ...]) -> None:
    """Every required scope, in ``scope`` or ``scp``, as one string or a list."""
    granted: set[str] = set()
    for name in ("scope", "scp"):
        value = claims.get(name)
        if isinstance(value, str):
            granted.update(value.split())
        elif isinstance(value, list):
            granted.update(scope for scope in value if isinstance(scope, str))
    missing = [scope for scope in required if scope not in granted]
    if missing:
        raise PermissionDenied(f"The token lacks the scope {', '.join(missing)}.")
