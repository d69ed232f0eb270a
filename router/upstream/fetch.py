"""This module fetches small documents that are not answers of models: JWKS, model lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from router.errors import UpstreamError
from router.providers import addresses
from router.providers.base import Account, Timeouts, UpstreamCall
from router.upstream.pace import Pace
from router.upstream.transport import Send

_LIMIT_BYTES = 1024 * 1024


class Fetcher:
    """GETs a document, bounded in time and size.

    Parameters
    ----------
    send : callable
        The transport's.
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, send: Send, clock: Callable[[], float]) -> None:
        self._send = send
        self._clock = clock

    def get(self, url: str, account: Account | None = None, timeout_s: float = 5.0) -> bytes:
        """Return a document.

        Raises
        ------
        UpstreamError
            Not reached in time, not status 200, or larger than 1 MiB.
        """
        timeouts = Timeouts(connect_s=timeout_s, idle_s=timeout_s, total_s=timeout_s)
        pace = Pace(timeouts, self._clock, self._clock() + timeout_s, False)
        account = account or Account("fetch", "fetch", "openai", url)
        call = UpstreamCall("GET", url, {"Accept": "application/json", **account.headers}, b"")
        answer = self._send(call, account, pace)
        try:
            if answer.status != 200:
                raise UpstreamError(f"the document was answered with {answer.status}")
            return answer.whole(_LIMIT_BYTES)
        finally:
            answer.close()

    def ollama_models(self, account: Account) -> tuple[str, ...]:
        """Return the models that an Ollama has, by ``/api/tags``; none where not reached."""
        try:
            body = orjson.loads(self.get(addresses.root(account.base_url) + "/api/tags", account))
        except (UpstreamError, orjson.JSONDecodeError):
            return ()
        models = body.get("models") if isinstance(body, Mapping) else None
        if not isinstance(models, list):
            return ()
        names = (model.get("name") for model in models if isinstance(model, Mapping))
        return tuple(name for name in names if isinstance(name, str))
