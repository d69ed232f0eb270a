"""This module sends calls to providers: the one home of ``requests``.

Sessions are made lazily, so after the fork, one per origin and way out (proxy, CA bundle).
No ``.netrc``, no environment proxies, no cookies, no redirects, no retries: each of these
has sent a provider's key where it did not belong, or hidden what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import gevent
import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    SSLError,
)

from router import __version__
from router.errors import ConnectFailed, ProtocolViolation, StreamInterrupted, UpstreamError
from router.providers.base import Account, UpstreamCall
from router.state.retry_tokens import RetryTokens, provider_key
from router.upstream.answer import Answer
from router.upstream.connections import POOL_CLASSES, StaleConnection
from router.upstream.pace import Pace

_USER_AGENT = f"open-llm-router/{__version__}"
_UNREACHABLE = (ConnectTimeoutError, NewConnectionError, NameResolutionError, SSLError, ProxyError)


class _Response(requests.Response):
    """A response without a cookie jar, which each would make and none would use."""

    def __init__(self, req: requests.PreparedRequest, raw: Any) -> None:
        self.request = req
        self.url = req.url or ""
        self.status_code = raw.status
        self.headers = raw.headers
        self.raw = raw


class TunedAdapter(HTTPAdapter):
    """An adapter of one origin, with our connections and without what nobody reads."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools from our connection classes."""
        super().init_poolmanager(*args, **kwargs)
        self._pools: dict[bool | str | None, Any] = {}
        self.poolmanager.pool_classes_by_scheme = POOL_CLASSES

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Wrap urllib3's response; skip cookies, encoding guesses and header copies."""
        return _Response(req, resp)

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Any = None,
        cert: Any = None,
    ) -> Any:
        """Return the origin's pool; requests looks it up by a dozen of properties each time."""
        pool = self._pools.get(verify)
        if pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            self._pools[verify] = pool
        return pool

    def drop_idle(self, request: requests.PreparedRequest, verify: bool | str) -> None:
        """Close idle connections of the request's origin."""
        pool = self.get_connection_with_tls_context(request, verify)
        drop = getattr(pool, "drop_idle", None)
        if drop is not None:
            drop()


class Transport:
    """Sends `UpstreamCall` values, and reuses connections.

    Parameters
    ----------
    pool_size : int
        Connections kept per origin; as many as the worker serves clients.
    mounts : mapping of str to BaseAdapter
        Further URL schemes, as ``demo://``.
    tokens : RetryTokens
        What repeated calls to a provider cost. A replay on a new connection is no attempt,
        but one for each idle connection would make an outage that begins with resets worse.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self,
        pool_size: int,
        mounts: Mapping[str, BaseAdapter],
        tokens: RetryTokens,
        clock: Callable[[], float],
    ) -> None:
        self.tokens = tokens
        self._clock = clock
        self._pool_size = pool_size
        self._mounts = mounts
        self._sessions: dict[tuple[str, str | None], requests.Session] = {}

    def send(self, call: UpstreamCall, account: Account, pace: Pace) -> Answer:
        """Send a call; return when its headers have come.

        Raises
        ------
        ConnectFailed, UpstreamTimeout, StreamInterrupted, ProtocolViolation
            No answer; the message names no address.
        """
        request = _prepared(call)
        session = self._session(call.url, account)
        try:
            return self._send_once(session, request, account, pace)
        except StaleConnection as exc:
            stale = exc  # died idle before any byte: the provider cannot have acted on it
        adapter = session.get_adapter(call.url)
        if isinstance(adapter, TunedAdapter):
            adapter.drop_idle(request, account.ca_bundle or True)
        key = provider_key(account)
        if not self.tokens.take(key, self._clock()):
            raise StreamInterrupted("the connection broke before an answer came") from stale
        try:
            answer = self._send_once(session, request, account, pace)
        except StaleConnection as exc:
            raise StreamInterrupted("the connection broke before an answer came") from exc
        if answer.status < 500:
            self.tokens.record_success(key, self._clock(), repeated=True)
        return answer

    def _send_once(
        self,
        session: requests.Session,
        request: requests.PreparedRequest,
        account: Account,
        pace: Pace,
    ) -> Answer:
        """Send under one deadline over look-up, connection, request and headers."""
        adapter = session.get_adapter(request.url or "")
        timer = gevent.Timeout.start_new(pace.answer_left_s())
        try:
            response = adapter.send(
                request,
                stream=True,
                timeout=(pace.connect_s, None),
                verify=account.ca_bundle or True,
                proxies=_proxies(account),
            )
        except gevent.Timeout as exc:
            if exc is not timer:
                raise
            raise pace.expired() from None
        except (requests.RequestException, ProtocolError, LocationParseError, OSError) as exc:
            raise _failure(exc) from exc
        finally:
            timer.close()
        pace.heard()
        return Answer(response, pace)

    def _session(self, url: str, account: Account) -> requests.Session:
        """Return the session of an origin and way out."""
        parts = urlsplit(url)
        key = (f"{parts.scheme}://{parts.netloc}", account.proxy)
        session = self._sessions.get(key)
        if session is None:
            session = self._sessions[key] = self._new_session()
        return session

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        adapter = TunedAdapter(pool_connections=4, pool_maxsize=self._pool_size)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        for scheme, mounted in self._mounts.items():
            session.mount(scheme, mounted)
        return session

    def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()


def _prepared(call: UpstreamCall) -> requests.PreparedRequest:
    """Build the request by hand: ``Session.prepare_request`` merges what we never set."""
    request = requests.PreparedRequest()
    request.method = call.method
    request.url = call.url
    request.headers = CaseInsensitiveDict(
        {
            "User-Agent": _USER_AGENT,
            # Compressed streams would be held back; bodies could be bombs.
            "Accept-Encoding": "identity",
            **call.headers,
            "Content-Length": str(len(call.body)),
        }
    )
    request.body = call.body
    request.hooks = default_hooks()
    return request


def _proxies(account: Account) -> dict[str, str] | None:
    return {"http": account.proxy, "https": account.proxy} if account.proxy else None


def _failure(exc: Exception) -> UpstreamError:
    """Return our error for what requests or urllib3 raised; no address in its words."""
    if any(isinstance(link, _UNREACHABLE) for link in _causes(exc)):
        return ConnectFailed("no connection to the provider")
    words = " ".join(type(link).__name__ for link in _causes(exc))
    if "BadStatusLine" in words or "LineTooLong" in words or "HTTPException" in words:
        return ProtocolViolation("the provider's answer is not HTTP")
    if isinstance(exc, requests.exceptions.InvalidURL | LocationParseError):
        return ConnectFailed("the account's base_url cannot be called")
    return StreamInterrupted("the connection broke before an answer came")


def _causes(exc: BaseException) -> list[BaseException]:
    """Return an exception and all that it wraps, in args, ``reason`` or ``__cause__``."""
    found: list[BaseException] = []
    queue: list[BaseException | None] = [exc]
    while queue:
        link = queue.pop()
        if link is None or link in found:
            continue
        found.append(link)
        queue += [arg for arg in link.args if isinstance(arg, BaseException)]
        queue += [getattr(link, "reason", None), link.__cause__, link.__context__]
        queue = [item for item in queue if isinstance(item, BaseException)]
    return found


Send = Callable[[UpstreamCall, Account, Pace], Answer]
"""What dispatch needs of a transport."""
