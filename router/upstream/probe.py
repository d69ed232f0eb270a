"""This module asks an account whether it answers: its list of models, or one token."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit, urlunsplit

from router.canonical.request import ModelTraits
from router.canonical.secret import Secret
from router.errors import UpstreamError
from router.formats.registry import INGRESS
from router.providers.base import Account, Operation, Target, Timeouts, UpstreamCall
from router.providers.kinds import KINDS
from router.upstream.pace import Pace
from router.upstream.prepare import ChatPreparer
from router.upstream.transport import Send


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back.

    Attributes
    ----------
    error : UpstreamError, optional
        None where the account answered as it should.
    skew_s : float, optional
        How far our clock is ahead of the provider's, by its ``Date``; None without one.
    """

    status: int | None
    took_ms: float
    error: UpstreamError | None = None
    skew_s: float | None = None


def list_models(
    send: Send, account: Account, credential: Secret | None, timeout_s: float
) -> Answered:
    """Ask for the account's models: free, and it needs a good credential."""
    target = Target("doctor", account, ModelTraits("doctor"))
    provider = KINDS[account.kind]
    call = provider.build(target, Operation(provider.formats(account)[0]), b"", credential)
    return _ask(send, account, _models_call(call), timeout_s)


def one_token(send: Send, target: Target, credential: Secret | None, timeout_s: float) -> Answered:
    """Ask a model for one token: costs next to nothing, and needs everything to be right."""
    body = {
        "model": target.model,
        "messages": [{"role": "user", "content": "Hi"}],
        "max_completion_tokens": 1,
    }
    preparer = ChatPreparer(INGRESS["openai_chat"], body, False, {}, False)
    call = preparer.prepare(target, credential).call
    return _ask(send, target.account, call, timeout_s)


def _models_call(call: UpstreamCall) -> UpstreamCall:
    """Return the call for the models beside a chat endpoint.

    Examples
    --------
    >>> def url(chat):
    ...     return _models_call(UpstreamCall("POST", chat, {}, b"")).url
    >>> url("https://a/v1/chat/completions"), url("https://g/v1beta/models/x:generateContent")
    ('https://a/v1/models', 'https://g/v1beta/models')
    >>> url("https://z/openai/deployments/x/chat/completions?api-version=1")
    'https://z/openai/models?api-version=1'
    """
    parts = urlsplit(call.url)
    path = parts.path.partition("/deployments/")[0].partition("/models/")[0]
    for endpoint in ("/chat/completions", "/messages", "/responses"):
        path = path.removesuffix(endpoint)
    query = parts.query if "api-version" in parts.query else ""
    url = urlunsplit((parts.scheme, parts.netloc, path + "/models", query, ""))
    headers = {name: value for name, value in call.headers.items() if name != "Content-Type"}
    return replace(call, method="GET", url=url, headers=headers, body=b"")


def _ask(send: Send, account: Account, call: UpstreamCall, timeout_s: float) -> Answered:
    """Send a call, and judge the answer as the gateway would."""
    timeouts = Timeouts(connect_s=timeout_s, idle_s=timeout_s, total_s=timeout_s)
    pace = Pace(timeouts, time.monotonic, time.monotonic() + timeout_s, False)
    started_s = time.monotonic()
    try:
        answer = send(call, account, pace)
        try:
            body = answer.error_body()
        finally:
            answer.close()
    except UpstreamError as error:
        return Answered(None, (time.monotonic() - started_s) * 1000, error)
    took_ms = (time.monotonic() - started_s) * 1000
    refusal = None
    if answer.status != 200:
        refusal = KINDS[account.kind].classify(answer.status, answer.headers, body)
    return Answered(answer.status, took_ms, refusal, _skew_s(answer.headers))


def _skew_s(headers: Mapping[str, str]) -> float | None:
    try:
        return time.time() - parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return None
