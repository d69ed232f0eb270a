"""This module serves OpenAI's legacy Completions to clients, over models that only chat.

It is an ingress alone. What it shares with Chat Completions (errors, usage, field checks)
it takes from there: both are faces of one API.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from router.canonical.events import (
    BlockDelta,
    BlockStart,
    Event,
    Failed,
    Frame,
    MessageStart,
    MessageStop,
)
from router.canonical.messages import Message, Refusal, Text
from router.canonical.prompt import PromptView
from router.canonical.request import ChatRequest, ModelTraits
from router.canonical.response import ChatResponse
from router.errors import InvalidRequest, RouterError, UnsupportedFeature
from router.formats.openai_chat import random_id
from router.formats.openai_chat.chunks import DONE, dumps
from router.formats.openai_chat.errors import encode_error, encode_stream_error
from router.formats.openai_chat.fields import missing, opt_bool, opt_int, opt_str, wrong
from router.formats.openai_chat.passthrough import ask_usage, withholds
from router.formats.openai_chat.request import decode_sampling, wants_usage
from router.formats.openai_chat.usage import encode_usage
from router.formats.openai_chat.view import output_limit

NAME = "openai_completions"

_KNOWN = frozenset(
    {
        "best_of",
        "echo",
        "frequency_penalty",
        "logit_bias",
        "max_tokens",
        "model",
        "n",
        "presence_penalty",
        "prompt",
        "seed",
        "stop",
        "stream",
        "stream_options",
        "suffix",
        "temperature",
        "top_k",
        "top_p",
        "user",
    }
)

# ``logprobs`` is a number here and true or false in chat: it stays among the extras.
_NOT_CHAT = ("logprobs", "top_logprobs")


def decode_request(body: Mapping[str, Any]) -> ChatRequest:
    """Return the prompt as one user message.

    Raises
    ------
    InvalidRequest
        A field has the wrong type or value; `param` is its path.
    UnsupportedFeature
        The prompt is tokens or several texts, or a field asks for what chat cannot do.
    """
    _refuse_unsayable(body)
    sampled = {key: value for key, value in body.items() if key not in _NOT_CHAT}
    return ChatRequest(
        model=opt_str(body, "model"),
        messages=(Message("user", (Text(_prompt(body)),)),),
        sampling=decode_sampling(sampled),
        max_output_tokens=opt_int(body, "max_tokens", minimum=1),
        stream=opt_bool(body, "stream") or False,
        include_usage=wants_usage(body),
        user=opt_str(body, "user"),
        extras={k: v for k, v in body.items() if k not in _KNOWN and v is not None},
    )


def view(body: Mapping[str, Any]) -> PromptView:
    """Return what routing looks at; wrong fields count as absent.

    Examples
    --------
    >>> view({"prompt": ["Once upon a time"]}).user_turns
    ('Once upon a time',)
    """
    prompt = body.get("prompt")
    prompts = prompt if isinstance(prompt, list) else [prompt]
    text = "\n".join(item for item in prompts if isinstance(item, str))
    return PromptView(
        format=NAME,
        user_turns=(text,) if text else (),
        turn_count=1,
        first_user=text,
        stream=body.get("stream") is True,
        messages_count=1,
        input_chars=len(text),
        user_chars=len(text),
        max_output_tokens=output_limit(body),
    )


def encode_response(
    response: ChatResponse,
    request: ChatRequest,
    clock: Callable[[], float],
    new_id: Callable[[], str],
) -> dict[str, Any]:
    """Return an answer's text as a ``text_completion``; reasoning and calls are left out."""
    text = "".join(block.text for block in response.blocks if isinstance(block, (Text, Refusal)))
    head = _head(
        MessageStart(response.id, response.model, response.created), request, clock, new_id
    )
    choice = {"text": text, "index": 0, "logprobs": None}
    choice["finish_reason"] = _finish_reason(response.stop_reason)
    body: dict[str, Any] = {**head, "choices": [choice]}
    if response.usage is not None:
        body["usage"] = encode_usage(response.usage)
    return body


def encode_events(
    events: Iterable[Event],
    request: ChatRequest,
    clock: Callable[[], float],
    new_id: Callable[[], str],
) -> Iterator[bytes]:
    """Return the stream's bytes, one item per event; ``b""`` where an event says nothing."""
    head = b""
    told: set[int] = set()
    over = False
    try:
        for event in events:
            said = b""
            match event:
                case _ if over:
                    pass
                case BlockDelta(index=index, text=text) if text and index in told:
                    said = _chunk(head, dumps(text), b"null")
                case BlockStart(index, Text() | Refusal()):
                    told.add(index)
                case MessageStart():
                    head = b"data: " + dumps(_head(event, request, clock, new_id))[:-1]
                case MessageStop():
                    over = True
                    said = _end(head, event, request)
                case Failed(error):
                    over = True
                    said = encode_stream_error(error)
            yield said
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()


@dataclass(frozen=True, slots=True)
class OpenAICompletions:
    """An `Ingress` of `router.formats.base`; attributes as of `OpenAIChat`."""

    clock: Callable[[], float] = time.time
    new_id: Callable[[], str] = random_id

    @property
    def name(self) -> str:
        """``openai_completions``."""
        return NAME

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        """See `Ingress`."""
        return decode_request(body)

    def view(self, body: Mapping[str, Any]) -> PromptView:
        """See `Ingress`."""
        return view(body)

    def passthrough_body(self, body: Mapping[str, Any], traits: ModelTraits) -> dict[str, Any]:
        """See `Ingress`; completions carry no signatures."""
        relayed = {**body, "model": traits.name}
        ask_usage(relayed)
        return relayed

    def withholds(self, frame: Frame, body: Mapping[str, Any]) -> bool:
        """See `Ingress`."""
        return withholds(frame, body)

    def encode_response(self, response: ChatResponse, request: ChatRequest) -> dict[str, Any]:
        """See `Ingress`."""
        return encode_response(response, request, self.clock, self.new_id)

    def encode_events(self, events: Iterable[Event], request: ChatRequest) -> Iterator[bytes]:
        """See `Ingress`."""
        return encode_events(events, request, self.clock, self.new_id)

    def encode_error(self, error: RouterError) -> dict[str, Any]:
        """See `Ingress`."""
        return encode_error(error)

    def encode_stream_error(self, error: RouterError) -> bytes:
        """See `Ingress`."""
        return encode_stream_error(error)


FORMAT = OpenAICompletions()
"""The format as it is served."""


def _prompt(body: Mapping[str, Any]) -> str:
    """Return the one text to go on from."""
    prompt = body.get("prompt")
    if prompt is None:
        raise missing("prompt")
    if isinstance(prompt, list):
        if len(prompt) > 1 and all(isinstance(item, str) for item in prompt):
            raise _unsupported("prompt", "several prompts in one request")
        if prompt and isinstance(prompt[0], (int, list)):
            raise _unsupported("prompt", "prompts given as tokens")
        prompt = prompt[0] if len(prompt) == 1 else prompt
    if not isinstance(prompt, str):
        raise wrong("prompt", "a string, or a list of one string", prompt)
    if not prompt:
        raise InvalidRequest("prompt must not be empty", param="prompt")
    return prompt


def _refuse_unsayable(body: Mapping[str, Any]) -> None:
    """Raise for what only a model of completions can do."""
    if opt_str(body, "suffix"):
        raise _unsupported("suffix", "text after the completion")
    if opt_bool(body, "echo"):
        raise _unsupported("echo", "the prompt in the answer")
    if (opt_int(body, "best_of", minimum=1) or 1) > 1:
        raise _unsupported("best_of", "the best of several completions")


def _unsupported(param: str, what: str) -> UnsupportedFeature:
    """Return the error for a field that chat has no counterpart of."""
    return UnsupportedFeature(
        f"{param}: the chosen model only chats, which leaves no way for {what}", param=param
    )


def _head(
    start: MessageStart,
    request: ChatRequest,
    clock: Callable[[], float],
    new_id: Callable[[], str],
) -> dict[str, Any]:
    """Return what all chunks of an answer share."""
    return {
        "id": start.id or f"cmpl-{new_id()}",
        "object": "text_completion",
        "created": int(clock()) if start.created is None else start.created,
        "model": start.model or request.model or "",
    }


def _finish_reason(reason: str) -> str:
    """Return why a completion ended, in the three words that there are."""
    return reason if reason in ("length", "content_filter") else "stop"


def _chunk(head: bytes, text: bytes, reason: bytes) -> bytes:
    """Return a chunk of text; `text` and `reason` are JSON."""
    choice = b'{"text":' + text + b',"index":0,"logprobs":null,"finish_reason":' + reason
    return head + b',"choices":[' + choice + b"}]}\n\n"


def _end(head: bytes, stop: MessageStop, request: ChatRequest) -> bytes:
    """Return the end: the reason, usage where asked for, the end marker."""
    end = _chunk(head, b'""', dumps(_finish_reason(stop.reason)))
    if request.include_usage and stop.usage is not None:
        end += head + b',"choices":[],"usage":' + dumps(encode_usage(stop.usage)) + b"}\n\n"
    return end + DONE
