"""This module turns an answer's blocks into output items, for a client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from router.canonical.messages import (
    Block,
    Citation,
    Media,
    Native,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from router.canonical.request import Tool
from router.canonical.response import StopReason
from router.canonical.signature import Signature, attach_to_id, seal
from router.formats.openai_responses.vocabulary import CALL_TYPES, NAME, flat_name

NewId = Callable[[str], str]
"""Makes an id that begins with the prefix given, as ``msg_``."""

JsonItem = dict[str, Any]

CUT_SHORT: frozenset[StopReason] = frozenset({"length", "content_filter"})
"""Reasons for which a response is ``incomplete``, and its last item with it."""

_CUT_TYPES = CALL_TYPES | {"message"}


@dataclass(frozen=True, slots=True)
class Spoken:
    """How a call is told to the client.

    Attributes
    ----------
    unwrap : bool
        The client's tool takes free text, and the model was offered it as a function
        of one argument.
    """

    call_id: str
    name: str
    namespace: str | None
    custom: bool
    unwrap: bool

    @property
    def prefix(self) -> str:
        """How the item's id begins."""
        return "ctc_" if self.custom else "fc_"


class Offered:
    """The client's own tools, by the names under which other formats offered them."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools = {
            flat_name(tool.namespace, tool.name): tool for tool in tools if tool.kind != "hosted"
        }

    def spoken(self, call: ToolCall) -> Spoken:
        """Return how to tell a call: custom tools and namespaces are found again.

        Examples
        --------
        >>> offered = Offered([Tool("find", namespace="crm"), Tool("patch", kind="custom")])
        >>> offered.spoken(ToolCall("c1", "crm__find")).namespace
        'crm'
        >>> offered.spoken(ToolCall("c2", "patch")).custom
        True
        """
        call_id = attach_to_id(call.id, call.signature)
        tool = self._tools.get(flat_name(call.namespace, call.name))
        if tool is None:
            return Spoken(call_id, call.name, call.namespace, call.custom, unwrap=False)
        custom = call.custom or tool.kind == "custom"
        return Spoken(call_id, tool.name, tool.namespace, custom, unwrap=custom != call.custom)


def unwrapped(arguments: str) -> str:
    """Return the free text that a model wrapped in JSON arguments.

    Examples
    --------
    >>> unwrapped('{"input": "ls"}'), unwrapped("ls")
    ('ls', 'ls')
    """
    try:
        fields = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    if not isinstance(fields, dict):
        return arguments
    values = [fields["input"]] if "input" in fields else list(fields.values())
    return values[0] if len(values) == 1 and isinstance(values[0], str) else arguments


def told_arguments(spoken: Spoken, arguments: str) -> str:
    """Return a finished call's arguments as the client gets them."""
    if spoken.unwrap:
        return unwrapped(arguments)
    return arguments if spoken.custom else arguments or "{}"


def text_part(text: str, annotations: Sequence[JsonItem]) -> JsonItem:
    """Return an output text."""
    return {
        "type": "output_text",
        "text": text,
        "annotations": list(annotations),
        "logprobs": [],
    }


def refusal_part(text: str) -> JsonItem:
    """Return a refusal."""
    return {"type": "refusal", "refusal": text}


def summary_part(text: str) -> JsonItem:
    """Return a part of a reasoning summary."""
    return {"type": "summary_text", "text": text}


def message_item(item_id: str, content: Sequence[JsonItem], status: str) -> JsonItem:
    """Return a message."""
    return {
        "id": item_id,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": list(content),
    }


def reasoning_item(
    item_id: str, summary: Sequence[JsonItem], signature: Signature | None
) -> JsonItem:
    """Return a reasoning item; without ``status``, which the API refuses when it is echoed."""
    item: JsonItem = {"id": item_id, "type": "reasoning", "summary": list(summary)}
    if signature is not None:
        item["encrypted_content"] = seal(signature, NAME)
    return item


def summary_of(text: str, signature: Signature | None) -> list[JsonItem]:
    """Return the summary of thoughts.

    Thoughts that another provider signed but does not tell get one empty part: this
    tells them from redacted ones when the client echoes the item.
    """
    untold = signature is not None and signature.origin != NAME
    return [summary_part(text)] if text or untold else []


def call_item(item_id: str, spoken: Spoken, arguments: str, status: str) -> JsonItem:
    """Return a call."""
    item: JsonItem = {
        "id": item_id,
        "type": "custom_tool_call" if spoken.custom else "function_call",
        "status": status,
        "input" if spoken.custom else "arguments": arguments,
        "call_id": spoken.call_id,
        "name": spoken.name,
    }
    return item if spoken.namespace is None else {**item, "namespace": spoken.namespace}


def image_item(item_id: str, image: Media | None) -> JsonItem:
    """Return a generated image; None while it is not there yet."""
    return {
        "id": item_id,
        "type": "image_generation_call",
        "status": "in_progress" if image is None else "completed",
        "result": None if image is None else image.data,
    }


def annotation_of(citation: Citation, chars: int) -> Mapping[str, Any] | None:
    """Return the annotation of a source; None where this format has none for it.

    Parameters
    ----------
    chars : int
        Length of the text so far, where the source says no range of its own.
    """
    if citation.origin == NAME and citation.native is not None:
        return citation.native
    if citation.url is None:
        return None
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title or "",
        "start_index": citation.start or 0,
        "end_index": chars if citation.end is None else citation.end,
    }


def is_told(block: Block) -> bool:
    """Tell whether a block has words in this format; foreign server tools have none."""
    match block:
        case Text() | Refusal() | Thinking() | RedactedThinking() | ToolCall():
            return True
        case Media(kind="image", data=data):
            return data is not None
        case Native(origin=origin):
            return origin == NAME
        case _:
            return False


def output_items(
    blocks: Iterable[Block], reason: StopReason, offered: Offered, new_id: NewId
) -> list[JsonItem]:
    """Return the items of a whole answer; texts that follow one another share a message."""
    items: list[JsonItem] = []
    for block in filter(is_told, blocks):
        if not isinstance(block, Text | Refusal):
            items.append(_item(block, offered, new_id))
            continue
        if not items or items[-1]["type"] != "message":
            items.append(message_item(new_id("msg_"), [], "completed"))
        items[-1]["content"].append(_part(block))
    if items and reason in CUT_SHORT and items[-1]["type"] in _CUT_TYPES:
        items[-1]["status"] = "incomplete"
    return items


def _part(block: Text | Refusal) -> JsonItem:
    """Return a message's part."""
    if isinstance(block, Refusal):
        return refusal_part(block.text)
    told = (annotation_of(citation, len(block.text)) for citation in block.citations)
    return text_part(block.text, [dict(annotation) for annotation in told if annotation])


def _item(block: Block, offered: Offered, new_id: NewId) -> JsonItem:
    """Return the item of a block that is no message content."""
    match block:
        case Thinking(text=text, signature=signature):
            return reasoning_item(new_id("rs_"), summary_of(text, signature), signature)
        case RedactedThinking(signature=signature):
            return reasoning_item(new_id("rs_"), [], signature)
        case ToolCall(arguments=arguments):
            spoken = offered.spoken(block)
            told = told_arguments(spoken, arguments)
            return call_item(new_id(spoken.prefix), spoken, told, "completed")
        case Media():
            return image_item(new_id("ig_"), block)
        case Native(data=native):
            return dict(native)
        case _:
            raise TypeError(f"{type(block).__name__} is no output item")
