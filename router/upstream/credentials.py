"""This module finds the credential for a call, and keeps OAuth tokens fresh.

Refreshed tokens live in a state file beside the pid, mode 0600, never in the user's YAML:
a gateway that writes into the file it is configured by cannot be reasoned about.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import orjson
from gevent.lock import RLock

from router.canonical.secret import Secret
from router.errors import AuthenticationFailed, ProtocolViolation, UpstreamAuthFailed, UpstreamError
from router.providers.base import Account, OAuthCredential, Timeouts, UpstreamCall
from router.upstream.pace import Pace
from router.upstream.transport import Send

REFRESH_AHEAD_S = 60
_TIMEOUTS = Timeouts(connect_s=5.0, idle_s=15.0, total_s=15.0)
_MAX_TOKEN_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Token:
    """An access token, and until when it holds (seconds since the epoch; None: unknown)."""

    access: Secret
    refresh: Secret | None
    expires_at_s: int | None

    def fresh(self, now_s: float) -> bool:
        return self.expires_at_s is None or self.expires_at_s - now_s > REFRESH_AHEAD_S


class Credentials:
    """Finds credentials by account.

    Parameters
    ----------
    send : callable
        The transport's; token URLs are called with it.
    state_dir : Path
        Where refreshed tokens are kept.
    now, monotonic : callable
        Seconds since the epoch, and of a clock that never jumps.
    """

    def __init__(
        self,
        send: Send,
        state_dir: Path,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._send = send
        self._state_dir = state_dir
        self._now = now
        self._monotonic = monotonic
        self._tokens: dict[str, tuple[OAuthCredential, _Token]] = {}
        self._locks: dict[str, RLock] = {}

    def find(self, account: Account, caller: Secret | None) -> Secret | None:
        """Return what to authenticate a call with; None for accounts that need nothing.

        Parameters
        ----------
        caller : Secret, optional
            The provider credential that the caller sent, for ``passthrough`` accounts.

        Raises
        ------
        AuthenticationFailed
            A passthrough account, and only the router's own key came.
        UpstreamAuthFailed
            An OAuth token is missing or cannot be refreshed.
        """
        if account.auth_mode == "api_key":
            return account.api_key
        if account.auth_mode == "passthrough":
            if caller is None:
                raise AuthenticationFailed(
                    f'account "{account.name}" passes your own provider credential on: send it'
                    " in Authorization, and the router's key in x-router-key",
                    code="provider_credential_missing",
                )
            return caller
        return self._oauth(account)

    def _oauth(self, account: Account) -> Secret:
        """Return a fresh access token; one refresh at a time for each account."""
        token = self._known(account)
        if token is not None and token.fresh(self._now()):
            return token.access
        with self._locks.setdefault(account.name, RLock()):
            token = self._known(account)  # another request may have refreshed meanwhile
            if token is not None and token.fresh(self._now()):
                return token.access
            return self._refresh(account, token).access

    def _known(self, account: Account) -> _Token | None:
        """Return the newest token: refreshed here, or in the state file, or configured."""
        configured = account.oauth
        if configured is None:
            return None
        held = self._tokens.get(account.name)
        if held is not None and held[0] == configured and held[1].fresh(self._now()):
            return held[1]
        candidates = [self._stored(account), _configured(configured)]
        if held is not None and held[0] == configured:
            candidates.append(held[1])
        known = [token for token in candidates if token is not None]
        newest = max(known, key=lambda token: token.expires_at_s or 0, default=None)
        if newest is not None:
            self._tokens[account.name] = (configured, newest)
        return newest

    def _refresh(self, account: Account, token: _Token | None) -> _Token:
        """Trade the refresh token for a new access token, and keep both."""
        configured = account.oauth
        refresh = token.refresh if token else configured.refresh_token if configured else None
        if configured is None or refresh is None or not configured.token_url:
            raise UpstreamAuthFailed(f'account "{account.name}": no OAuth token to use')
        fresh = self._ask(account, configured, refresh)
        self._tokens[account.name] = (configured, fresh)
        self._store(account, fresh)
        return fresh

    def _ask(self, account: Account, configured: OAuthCredential, refresh: Secret) -> _Token:
        """Call the token URL (RFC 6749 §6)."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh.value}
        if configured.client_id:
            form["client_id"] = configured.client_id
        if configured.client_secret:
            form["client_secret"] = configured.client_secret.value
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        call = UpstreamCall("POST", configured.token_url or "", headers, urlencode(form).encode())
        pace = Pace(_TIMEOUTS, self._monotonic, self._monotonic() + _TIMEOUTS.total_s, False)
        failed = f'account "{account.name}": its OAuth token cannot be refreshed'
        try:
            answer = self._send(call, account, pace)
            body = answer.whole(_MAX_TOKEN_BYTES)
            answer.close()
        except UpstreamError as exc:
            raise UpstreamAuthFailed(failed) from exc
        if answer.status != 200:
            raise UpstreamAuthFailed(failed)
        try:
            return _token_of(orjson.loads(body), refresh, self._now())
        except (orjson.JSONDecodeError, ProtocolViolation) as exc:
            raise UpstreamAuthFailed(failed) from exc

    def _path(self, account: Account) -> Path:
        safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in account.name)
        return self._state_dir / f"oauth-{safe}.json"

    def _stored(self, account: Account) -> _Token | None:
        """Read the state file; a missing or broken one is no token."""
        try:
            kept = orjson.loads(self._path(account).read_bytes())
            return _Token(
                Secret(kept["access_token"]),
                Secret(kept["refresh_token"]) if kept.get("refresh_token") else None,
                kept.get("expires_at"),
            )
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
            return None

    def _store(self, account: Account, token: _Token) -> None:
        """Write the state file by rename, so that a reader never sees half of it."""
        path = self._path(account)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        kept = {
            "access_token": token.access.value,
            "refresh_token": token.refresh.value if token.refresh else None,
            "expires_at": token.expires_at_s,
        }
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(orjson.dumps(kept))
        draft.replace(path)


def _configured(oauth: OAuthCredential) -> _Token | None:
    if oauth.access_token is None:
        return None
    return _Token(oauth.access_token, oauth.refresh_token, oauth.expires_at_s)


def _token_of(body: object, refresh: Secret, now_s: float) -> _Token:
    """Read a token answer; a refresh token that is not renewed stays valid."""
    if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
        raise ProtocolViolation("the token URL's answer has no access_token")
    renewed = body.get("refresh_token")
    lifetime_s = body.get("expires_in")
    return _Token(
        Secret(body["access_token"]),
        Secret(renewed) if isinstance(renewed, str) and renewed else refresh,
        int(now_s + lifetime_s) if isinstance(lifetime_s, int | float) else None,
    )
