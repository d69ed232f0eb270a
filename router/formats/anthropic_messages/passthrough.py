"""This module prepares a client's own body for a provider of this same format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.canonical.request import ModelTraits
from router.canonical.signature import ID_MARK, is_sealed, split_id
from router.formats.anthropic_messages.models import dialect_of
from router.formats.anthropic_messages.thinking import lacks_thinking
from router.formats.anthropic_messages.vocabulary import is_foreign_citation

Wire = dict[str, Any]


def passthrough_body(body: Mapping[str, Any], traits: ModelTraits) -> Wire:
    """Return the body with the model replaced and other formats' marks taken out.

    The client's body is left as it is; only messages that change are copied.
    """
    out: Wire = {**body, "model": traits.name}
    messages = body.get("messages")
    if not isinstance(messages, list):
        return out
    # Other services that speak the format do not sign, and may want their thoughts back.
    needs_signature = dialect_of(traits).is_claude
    cleaned = [_message(message, needs_signature) for message in messages]
    if all(new is old for new, old in zip(cleaned, messages, strict=True)):
        return out
    out["messages"] = [message for message in cleaned if message is not None]
    return _without_broken_thinking(out)


def _message(message: Any, needs_signature: bool) -> Any:
    """Return a message without marks: itself where it has none, None where nothing is left."""
    content = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(content, list):
        return message
    cleaned = [_block(block, needs_signature) for block in content]
    if all(new is old for new, old in zip(cleaned, content, strict=True)):
        return message
    kept = [block for block in cleaned if block is not None]
    return {**message, "content": kept} if kept else None


def _block(block: Any, needs_signature: bool) -> Any:
    """Return a block without marks: itself where it has none, None where it is foreign."""
    if not isinstance(block, Mapping):
        return block
    match block.get("type"):
        case "thinking":
            signature = block.get("signature")
            foreign = isinstance(signature, str) and is_sealed(signature)
            return None if foreign or (needs_signature and not signature) else block
        case "redacted_thinking":
            data = block.get("data")
            return None if isinstance(data, str) and is_sealed(data) else block
        case "tool_use":
            return _with_bare_id(block, "id")
        case "tool_result":
            return _with_bare_id(block, "tool_use_id")
        case "text" if block.get("citations"):
            return _without_foreign_citations(block)
        case _:
            return block


def _with_bare_id(block: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    call_id = block.get(key)
    if not isinstance(call_id, str) or ID_MARK not in call_id:
        return block
    return {**block, key: split_id(call_id)[0]}


def _without_foreign_citations(block: Mapping[str, Any]) -> Mapping[str, Any]:
    citations = block["citations"]
    if not isinstance(citations, list) or not any(map(is_foreign_citation, citations)):
        return block
    kept = [citation for citation in citations if not is_foreign_citation(citation)]
    rest = {key: value for key, value in block.items() if key != "citations"}
    return {**rest, "citations": kept} if kept else rest


def _without_broken_thinking(body: Wire) -> Wire:
    """Switch a thinking budget off where a tool loop began at another provider.

    Its thoughts are gone, and the API refuses to go on with a turn that has none. What
    edits thoughts in the history is refused without thinking, and goes too.
    """
    thinking = body.get("thinking")
    is_manual = isinstance(thinking, Mapping) and thinking.get("type") == "enabled"
    if not is_manual or not lacks_thinking(_turns(body["messages"])):
        return body
    rest = {key: value for key, value in body.items() if key != "thinking"}
    management = rest.get("context_management")
    if isinstance(management, Mapping) and isinstance(management.get("edits"), list):
        edits = [edit for edit in management["edits"] if "clear_thinking" not in str(edit)]
        rest["context_management"] = {**management, "edits": edits}
    return rest


def _turns(messages: list[Any]) -> list[Wire]:
    """Return well-formed messages with their contents as lists of blocks."""
    turns: list[Wire] = []
    for message in messages:
        if isinstance(message, Mapping):
            content = message.get("content")
            blocks = content if isinstance(content, list) else [{"type": "text"}]
            blocks = [block for block in blocks if isinstance(block, Mapping)]
            turns.append({"role": message.get("role"), "content": blocks})
    return turns
