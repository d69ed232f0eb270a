"""This module serves endpoints whose bodies pass through: only the model's name is ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Response

from router.canonical.prompt import PromptView
from router.canonical.usage import Usage, split_cached
from router.config.known_secrets import private_words
from router.config.snapshot import Snapshot
from router.errors import StreamInterrupted, UpstreamError
from router.formats import sse
from router.formats.openai_chat.errors import encode_stream_error
from router.providers.base import Operation, Target
from router.providers.kinds import KINDS
from router.upstream.relay import KEEP_ALIVE, is_sse
from router.upstream.reply import Bytes, Reply, Whole, error_in
from router.web.errors import told
from router.web.story import Story


def view_of(format_name: str, body: Mapping[str, Any]) -> PromptView:
    """Glance at a body of an endpoint that is not chat."""
    text = body.get("input", body.get("prompt"))
    texts = text if isinstance(text, list) else [text]
    words = [part for part in texts if isinstance(part, str)]
    return PromptView(
        format=format_name,
        user_turns=tuple(words[-1:]),
        turn_count=len(words),
        first_user=words[0] if words else "",
        stream=body.get("stream") is True,
        messages_count=len(words),
        input_chars=sum(map(len, words)),
        user_chars=sum(map(len, words)),
    )


def serves(operation: Operation) -> Callable[[Target], bool]:
    """Return whether a target's provider has the endpoint of an operation."""

    def check(target: Target) -> bool:
        return KINDS[target.account.kind].supports(target.account, operation)

    return check


def render(reply: Reply, story: Story, *, snapshot: Snapshot) -> Response:
    """Pass an answer on: JSON whole, everything else as it comes."""
    match reply.answer:
        case Whole() as whole:
            story.usage = usage_of(whole.json or {})
            story.end("success", reply.status)
            return Response(whole.body, reply.status, content_type=whole.content_type)
        case Bytes() as answer:
            is_sse = answer.content_type.startswith("text/event-stream")
            pieces = (
                _events(answer, reply, story, snapshot) if is_sse else _held_back(answer, story)
            )
            return Response(pieces, reply.status, content_type=answer.content_type)
    raise AssertionError("endpoints that pass through have no events")


def usage_of(body: Mapping[str, Any]) -> Usage | None:
    """Return what an OpenAI-like answer counts, under either of its names."""
    usage = body.get("usage")
    if not isinstance(usage, Mapping):
        return None
    prompt = _count(usage, "prompt_tokens", "input_tokens")
    output = _count(usage, "completion_tokens", "output_tokens")
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    cached = _count(details, "cached_tokens") if isinstance(details, Mapping) else 0
    input_tokens, cache_read_tokens = split_cached(prompt, cached)
    return Usage(input_tokens, cache_read_tokens, 0, output)


def _count(usage: Mapping[str, Any], *names: str) -> int:
    for name in names:
        value = usage.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return max(0, value)
    return 0


def _events(answer: Bytes, reply: Reply, story: Story, snapshot: Snapshot) -> Iterator[bytes]:
    """Relay a stream of an endpoint that we do not decode; `[DONE]` is its end marker.

    An error told inside is written anew, as the provider's words may name keys and hosts.
    """
    # Only of this endpoint is it known that there must be a marker.
    must_end = reply.prepared.operation.format == "openai_completions"
    try:
        for frame in sse.frames(answer.chunks):
            if frame is sse.TICK:
                yield KEEP_ALIVE
                continue
            if frame.data.strip() == b"[DONE]":
                story.end("success", 200)
                reply.trial.wind_down()
            elif (error := error_in(frame)) is not None:
                raise error
            if is_sse(frame):
                yield frame.raw
        if must_end and story.outcome is None:
            raise StreamInterrupted("the provider's stream ended without [DONE]")
    except UpstreamError as error:
        if story.outcome is None:
            story.end("interrupted", 200, error.error_class)
            error.message = told(error, private_words(snapshot))
            yield encode_stream_error(error)
        return
    story.end("success", 200)


def _held_back(answer: Bytes, story: Story) -> Iterator[bytes]:
    """Relay bytes, the last ones after the story's end is on record.

    A break cannot be told inside a binary body: the error goes up, and the server then
    closes the connection before the body's end, which every client notices.
    """
    last = b""
    try:
        for chunk in answer.chunks:
            if chunk:
                yield last
                last = chunk
    except UpstreamError as error:
        story.end("interrupted", 200, error.error_class)
        raise
    story.end("success", 200)
    yield last
