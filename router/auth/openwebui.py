"""This module finds the person behind a request that Open-WebUI sends with its own key.

Open-WebUI tells who asks in plain headers, which anybody with a key could write, or in one
JWT signed with a secret that it shares with us (`FORWARD_USER_INFO_HEADER_JWT_SECRET`, the
same name there). Where a secret is configured, only the JWT counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from router.auth.jwt import verify
from router.canonical.principal import Principal
from router.canonical.secret import Secret
from router.config.snapshot import OAuthIngress
from router.errors import AuthenticationFailed

ISSUER = "open-webui"
JWT_HEADER = "X-OpenWebUI-User-Jwt"
ID_HEADER = "X-OpenWebUI-User-Id"
_CLOCK_SKEW_S = 30
_SANE_ID = re.compile(r"[A-Za-z0-9._@:+-]{1,128}")


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the headers say of the person; each as sent."""

    jwt: str | None = field(default=None, repr=False)
    user_id: str | None = None


def person_behind(
    principal: Principal, claimed: Claimed, secret: Secret | None, now_s: float
) -> Principal:
    """Return the person for whom a key's holder speaks, else the holder.

    A person has the rights of the key, and never those of an administrator. Callers whom
    their own JWT names are who they are.

    Parameters
    ----------
    secret : Secret, optional
        Shared with Open-WebUI; then its JWT alone is believed, whoever's key brings it.
    now_s : float
        Seconds since the epoch.

    Raises
    ------
    AuthenticationFailed
        The JWT does not hold: forged, expired, or of another issuer.

    Examples
    --------
    >>> key = Principal("chat", "key", speaks_for_users=True)
    >>> person_behind(key, Claimed(user_id="42"), None, 0).id
    'chat/42'
    >>> person_behind(replace(key, speaks_for_users=False), Claimed(user_id="42"), None, 0).id
    'chat'
    """
    if principal.method == "jwt":
        return principal
    user_id = None
    if secret is not None and claimed.jwt:
        user_id = _signed_id(claimed.jwt, secret, now_s)
    elif secret is None and principal.speaks_for_users and claimed.user_id:
        user_id = claimed.user_id if _SANE_ID.fullmatch(claimed.user_id) else None
    if user_id is None:
        return principal
    name = principal.id
    return replace(principal, id=f"{name}/{user_id}", key_name=name, is_admin=False)


def _signed_id(token: str, secret: Secret, now_s: float) -> str:
    """Return whom a JWT names."""
    rules = OAuthIngress(("HS256",), ISSUER, jwt_secret=secret, clock_skew_s=_CLOCK_SKEW_S)
    try:
        return verify(token, rules, _NoKeys(), now_s).id
    except AuthenticationFailed as exc:
        raise AuthenticationFailed(f"{JWT_HEADER}: {exc.message}") from exc


class _NoKeys:
    """Stands for an issuer's public keys, where a shared secret alone counts."""

    def find(self, url: str, kid: str | None, algorithm: str) -> tuple[()]:  # noqa: ARG002
        """Find none."""
        return ()
