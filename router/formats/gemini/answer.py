"""This module adds an answer's chunks up: what each one says, in events.

Each chunk holds parts that continue or follow those before, and a snapshot of the
usage. Nothing marks the end but the last chunk's ``finishReason``, after which usage,
signatures or grounding may still come; so the end of the source ends the message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from router.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Event,
    Failed,
    MessageStart,
    MessageStop,
    UsageSeen,
)
from router.canonical.messages import Block, Native, Text, Thinking, ToolCall
from router.canonical.signature import Signature, unseal
from router.canonical.usage import Usage
from router.errors import ErrorDetail, ProtocolViolation, StreamInterrupted, UpstreamFacts
from router.formats.gemini.calls import json_text, made_id
from router.formats.gemini.errors import in_band
from router.formats.gemini.grounding import citations
from router.formats.gemini.media import NAME, read_media
from router.formats.gemini.reasons import stop_reason
from router.formats.gemini.usage import decode_usage

_KEPT = ("groundingMetadata", "urlContextMetadata")
_TIERS = {"standard": "default", "flex": "flex", "priority": "priority"}


class Answer:
    """What is known of an answer so far.

    Attributes
    ----------
    over : bool
        It failed; whatever follows has no meaning.
    """

    def __init__(self) -> None:
        self.over = False
        self._started = False
        self._count = 0  # blocks opened
        self._open: Literal["text", "thinking"] | None = None
        self._text: list[str] = []
        self._cited: Mapping[str, Any] | None = None
        self._call_ids: set[str] = set()
        self._response_id = ""
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._blocked = False
        self._extras: dict[str, Any] = {}

    def read(self, chunk: Mapping[str, Any]) -> Iterator[Event]:
        """Yield what a chunk says; nothing, where it says nothing new."""
        if "error" in chunk:
            self.over = True
            yield Failed(in_band(chunk["error"]))
            return
        usage = self._new_usage(chunk.get("usageMetadata"))
        if not self._started:
            self._started = True
            yield self._start(chunk, usage)
        candidate = _first_candidate(chunk.get("candidates"))
        if candidate is not None:
            try:
                yield from self._candidate(candidate)
            except ProtocolViolation as exc:
                self.over = True
                yield Failed(exc)
                return
        self._feedback(chunk.get("promptFeedback"))
        if usage is not None:
            yield UsageSeen(usage)

    def end(self, default_finish: str | None = None) -> Iterator[Event]:
        """Yield what the end of the source means.

        Parameters
        ----------
        default_finish : str, optional
            Taken where no reason was told; a stream without one was cut.
        """
        if self.over:
            return
        finish = self._finish or default_finish
        if finish is None:
            yield Failed(
                StreamInterrupted(
                    "the provider's answer broke off",
                    UpstreamFacts(detail=ErrorDetail("the stream ended without a finishReason")),
                )
            )
            return
        yield from self._close()
        reason = stop_reason(finish, bool(self._call_ids))
        if self._blocked:
            reason = "content_filter"
        yield MessageStop(reason, self._usage, finish, extras=self._extras)

    def _start(self, chunk: Mapping[str, Any], usage: Usage | None) -> MessageStart:
        """Return the beginning of the message."""
        self._response_id = _text(chunk.get("responseId"))
        metadata = chunk.get("usageMetadata")
        tier = metadata.get("serviceTier") if isinstance(metadata, dict) else None
        return MessageStart(
            self._response_id,
            _text(chunk.get("modelVersion")),
            _epoch_s(chunk.get("createTime")),
            usage,
            _TIERS.get(tier.lower()) if isinstance(tier, str) else None,
        )

    def _new_usage(self, metadata: Any) -> Usage | None:
        """Return a snapshot that differs from the last one."""
        if not isinstance(metadata, dict) or not metadata:
            return None
        usage = decode_usage(metadata)
        if usage == self._usage:
            return None
        self._usage = usage
        return usage

    def _candidate(self, candidate: Mapping[str, Any]) -> Iterator[Event]:
        """Yield a candidate's parts; note why it ended and what it is grounded on."""
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                yield from self._part(part)
        for name in _KEPT:
            if isinstance(candidate.get(name), dict) and candidate[name]:
                self._extras[name] = candidate[name]
        if isinstance(candidate.get("groundingMetadata"), dict):
            self._cited = candidate["groundingMetadata"] or self._cited
        finish = candidate.get("finishReason")
        if isinstance(finish, str) and finish != "FINISH_REASON_UNSPECIFIED":
            self._finish = finish

    def _part(self, part: Mapping[str, Any]) -> Iterator[Event]:
        """Yield one part."""
        text, call = part.get("text"), part.get("functionCall")
        signature = _signature(part)
        if isinstance(text, str):
            kind: Literal["text", "thinking"] = "thinking" if part.get("thought") else "text"
            yield from self._more(kind, text, signature)
        elif isinstance(call, dict) and isinstance(call.get("name"), str) and call["name"]:
            yield from self._call(call, signature)
        elif set(part) - {"thoughtSignature", "thought_signature", "thought"}:
            yield from self._whole(part, signature)

    def _more(
        self, kind: Literal["text", "thinking"], text: str, signature: Signature | None
    ) -> Iterator[Event]:
        """Continue the open block of a kind, or open one.

        Streams end in an empty text, which is no block; its signature belongs to
        whatever was said last, be it text or thought. A thought that is nothing but its
        signature is one, though.
        """
        opens = self._open != kind and bool(text or (signature and kind == "thinking"))
        if not text and not opens:
            if signature is not None and self._open is not None:
                yield BlockDelta(self._count - 1, signature=signature)
            return
        if opens:
            yield from self._close()
            self._open = kind
            yield BlockStart(self._count, Text("") if kind == "text" else Thinking(""))
            self._count += 1
        if kind == "text":
            self._text.append(text)
        yield BlockDelta(self._count - 1, text, signature=signature)

    def _close(self) -> Iterator[Event]:
        """Close the open block; a text is told its sources, which come last."""
        if self._open is None:
            return
        if self._open == "text" and self._cited is not None:
            for citation in citations(self._cited, "".join(self._text)):
                yield BlockDelta(self._count - 1, citation=citation)
            self._cited = None
        self._text.clear()
        self._open = None
        yield BlockStop(self._count - 1)

    def _call(self, call: Mapping[str, Any], signature: Signature | None) -> Iterator[Event]:
        """Yield a function call, which comes whole."""
        args = call.get("args")
        arguments = json_text(args if isinstance(args, dict) else {})
        if arguments is None:
            raise ProtocolViolation("a call's arguments are nested too deeply")
        block = ToolCall(self._call_id(call, arguments), call["name"], "", signature)
        yield from self._close()
        yield BlockStart(self._count, block)
        yield BlockDelta(self._count, arguments)
        yield BlockStop(self._count)
        self._count += 1

    def _call_id(self, call: Mapping[str, Any], arguments: str) -> str:
        """Return the call's id, or one of our making where it has none of its own."""
        own = call.get("id")
        call_id = own if isinstance(own, str) else ""
        number = len(self._call_ids)
        if not call_id or call_id in self._call_ids:
            prompt_tokens = self._usage.prompt_tokens if self._usage else 0
            facts = f"{call['name']}\x1f{arguments}\x1f{prompt_tokens}"
            call_id = made_id(self._response_id, number, facts)
        self._call_ids.add(call_id)
        return call_id

    def _whole(self, part: Mapping[str, Any], signature: Signature | None) -> Iterator[Event]:
        """Yield a part that comes whole; media drawn while thinking are no answer."""
        media = None if part.get("thought") else read_media(part)
        block: Block = Native(NAME, part)
        if media is not None:
            block = replace(media, signature=signature)
        yield from self._close()
        yield BlockStart(self._count, block)
        yield BlockStop(self._count)
        self._count += 1

    def _feedback(self, feedback: Any) -> None:
        """Note that a prompt was blocked, and why; such an answer has no candidates.

        The reason is told as the stop's detail. It is no refusal: the model said nothing.
        """
        reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
        if isinstance(reason, str) and reason != "BLOCKED_REASON_UNSPECIFIED":
            self._finish, self._blocked = reason, True


def _first_candidate(candidates: Any) -> Mapping[str, Any] | None:
    """Return the candidate of index 0; the model is told once, others have no place."""
    for candidate in candidates if isinstance(candidates, list) else ():
        if isinstance(candidate, dict) and not candidate.get("index"):
            return candidate
    return None


def _signature(part: Mapping[str, Any]) -> Signature | None:
    """Return a part's signature."""
    value = part.get("thoughtSignature") or part.get("thought_signature")
    return unseal(value, NAME) if isinstance(value, str) and value else None


def _text(value: Any) -> str:
    """Return a string, or an empty one."""
    return value if isinstance(value, str) else ""


def _epoch_s(moment: Any) -> int | None:
    """Return seconds since the epoch of an RFC 3339 time."""
    try:
        told = datetime.fromisoformat(moment)
    except (TypeError, ValueError):
        return None
    return int(told.timestamp()) if told.tzinfo is not None else None
