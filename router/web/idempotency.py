"""This module serves a request with an Idempotency-Key once, whoever repeats it.

Only whole answers: a stream cannot be shared, nor told twice. The key is bound to caller
and path; with another body it is refused. Failures are never stored, so that a repeat can
mend them. Where the store cannot be used, requests are served as if they had no key.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sqlite3
from collections.abc import Callable
from functools import partial

import orjson
from flask import Response, g, request

from router.errors import IdempotencyConflict, InvalidRequest
from router.state.idempotency import MAX_ANSWER_BYTES, StoredAnswer
from router.upstream.watch import ClientGone
from router.web.call import Call
from router.web.gateway import Gateway, Once
from router.web.story import Story
from router.web.telemetry import telemetry

log = logging.getLogger(__name__)

HEADER = "idempotency-key"
STATUS_HEADER = "x-router-idempotency-status"
_SANE_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_POLL_S = 0.1
_NOT_STORED = frozenset({"x-request-id", "content-length", STATUS_HEADER})


def serve_once(gateway: Gateway, call: Call, serve: Callable[[], Response]) -> Response:
    """Serve a call, or replay the answer that its key has already.

    Raises
    ------
    InvalidRequest
        The key is not 1 to 255 printable characters.
    IdempotencyConflict
        The key was used with another body.
    """
    sent = call.headers.get(HEADER)
    once = gateway.once
    if sent is None or once is None or call.view.stream or not call.body_digest:
        return serve()
    if not _SANE_KEY.fullmatch(sent):
        raise InvalidRequest(
            "Idempotency-Key must be 1 to 255 printable ASCII characters", param="Idempotency-Key"
        )
    key = _bound(call, sent)
    try:
        found = _claim(gateway, once, call, key)
    except sqlite3.Error as exc:
        log.error("idempotency keys cannot be kept", extra={"error": str(exc)})
        return serve()
    if isinstance(found, StoredAnswer):
        return _replayed(gateway, call, found)
    return _stored(gateway, once, key, serve)


def _bound(call: Call, sent: str) -> bytes:
    """Return the digest of caller, path and key; no field can run into the next."""
    caller = call.caller.value if call.caller else ""
    fields = (call.principal.method, call.principal.id, caller, call.path, sent)
    return hashlib.sha256(orjson.dumps(fields)).digest()


def _claim(gateway: Gateway, once: Once, call: Call, key: bytes) -> StoredAnswer | None:
    """Wait until the key is this call's to serve (None), or answered."""
    until_s = gateway.clock.monotonic() + call.snapshot.timeouts.total_s
    while True:
        claim = partial(once.answers.claim, key, call.body_digest, gateway.clock.now())
        found = once.in_thread(claim)
        if found == "other_body":
            raise IdempotencyConflict("this Idempotency-Key was used with another body")
        if found == "claimed":
            return None
        if isinstance(found, StoredAnswer):
            return found
        if gateway.clock.monotonic() > until_s:
            raise IdempotencyConflict(
                "the first request with this Idempotency-Key is still being served",
                code="idempotency_key_in_use",
            )
        _pause(gateway, once, call)


def _pause(gateway: Gateway, once: Once, call: Call) -> None:
    """Wait a moment. Only here may a client's leaving break in: it must not lose a claim."""
    watch = gateway.watch(request.environ.get("gunicorn.socket"))
    try:
        once.sleep(_POLL_S)
    except ClientGone:
        _story(gateway, call).client_closed()
        raise
    finally:
        watch.stop()


def _stored(gateway: Gateway, once: Once, key: bytes, serve: Callable[[], Response]) -> Response:
    """Serve a call whose key is claimed; keep the answer, or give the claim back."""
    is_kept = False
    try:
        response = serve()
        if response.is_streamed or not 200 <= response.status_code < 300:
            return response
        body = response.get_data()
        if len(body) <= MAX_ANSWER_BYTES:
            answer = StoredAnswer(response.status_code, _headers_of(response), body)
            now_s = gateway.clock.now()
            is_kept = _try(once, partial(once.answers.store, key, answer, now_s))
        if is_kept:
            response.headers[STATUS_HEADER] = "stored"
        return response
    finally:
        if not is_kept:
            _try(once, partial(once.answers.release, key))


def _try(once: Once, step: Callable[[], None]) -> bool:
    """Take a step with the store; an answer is not lost because it cannot be kept."""
    try:
        once.in_thread(step)
    except sqlite3.Error as exc:
        log.error("an answer cannot be kept for its Idempotency-Key", extra={"error": str(exc)})
        return False
    return True


def _headers_of(response: Response) -> str:
    kept = {n: v for n, v in response.headers.items() if n.lower() not in _NOT_STORED}
    return orjson.dumps(kept).decode()


def _replayed(gateway: Gateway, call: Call, answer: StoredAnswer) -> Response:
    """Tell a stored answer again, and put that on record."""
    story = _story(gateway, call)
    response = Response(answer.body, answer.status, headers=orjson.loads(answer.headers))
    response.headers["x-request-id"] = call.request_id
    response.headers[STATUS_HEADER] = "replayed"
    story.end("success", answer.status, note="idempotency_replay")
    return response


def _story(gateway: Gateway, call: Call) -> Story:
    """Return the story of a call that reaches no provider."""
    g.story_begun = True
    counted = telemetry(gateway, call.snapshot)
    return Story.begin(gateway, call.snapshot, call.facts, call.controls.requested, counted)
