"""This module decides whether a conversation stays with its model.

A change of model costs the provider's prompt cache, and surprises the user. So a
conversation moves only at a user turn: upwards in complexity freely, downwards after the
cache has gone cold, and never while the model is in the middle of a tool loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b

from router.canonical.prompt import PromptView
from router.routing.chain import HOUSEKEEPING, distinct
from router.routing.decision import RouteDecision
from router.state.affinity import Seat

COLD_AFTER_S = 300.0
"""Providers keep a prompt cache for about five minutes after its last use."""

SESSION_HEADERS = (
    "x-session-id",
    "session-id",
    "thread-id",
    "x-session-affinity",
    "x-openwebui-chat-id",
)
"""Conversation ids that clients send: Codex, opencode, Open-WebUI and our own."""

_RANK: Mapping[str, int] = {"low": 0, "medium": 1, "high": 2, "xhigh": 3}
_MAX_ID_CHARS = 256


def conversation_key(
    caller: str,
    headers: Mapping[str, str],
    prompt_cache_key: str | None,
    first_user: str,
    secret: bytes,
) -> str | None:
    """Return what a conversation is known by, or None where nothing tells it apart.

    Parameters
    ----------
    caller : str
        The principal's id: conversations of two callers never share a key.
    headers : mapping
        Request headers, names in any case.
    first_user : str
        `PromptView.first_user`.
    secret : bytes
        Keys the hash, so that nobody can test a guess at a prompt; at most 64 bytes.

    Examples
    --------
    >>> one = conversation_key("key-1", {"Session-Id": "s1"}, None, "Hi", b"secret")
    >>> one == conversation_key("key-1", {"session-id": "s1"}, None, "Other words", b"secret")
    True
    >>> one == conversation_key("key-2", {"session-id": "s1"}, None, "Hi", b"secret")
    False
    """
    sent = {name.lower(): value for name, value in headers.items()}
    for name in SESSION_HEADERS:
        value = sent.get(name, "").strip()
        if 0 < len(value) <= _MAX_ID_CHARS:
            return _keyed(secret, caller, "id", value)
    if prompt_cache_key:
        return _keyed(secret, caller, "cache", prompt_cache_key)
    if first_user.strip():
        return _keyed(secret, caller, "first", first_user)
    return None


def keeps_seat(decision: RouteDecision) -> bool:
    """Tell whether a decision may use and renew a conversation's seat.

    A model that the caller or a rule named is taken as it is; a client's own errands
    (titles, tags) are no part of the conversation.
    """
    return (
        decision.source == "auto"
        and decision.rule is None
        and decision.judgement.task != HOUSEKEEPING
    )


def stays(
    seat: Seat,
    decision: RouteDecision,
    view: PromptView,
    now_s: float,
    cold_after_s: float = COLD_AFTER_S,
) -> bool:
    """Tell whether a conversation stays with the model of its seat for this request."""
    if view.in_tool_loop:
        return True
    if decision.judgement.task == "image" and view.image_in_last_turn:
        return False
    wanted = _RANK.get(decision.judgement.complexity, 0)
    held = _RANK.get(seat.complexity, 0)
    if wanted > held:
        return False
    return wanted == held or now_s - seat.used_at_s < cold_after_s


def settle(
    decision: RouteDecision,
    seat: Seat | None,
    view: PromptView,
    now_s: float,
    cold_after_s: float = COLD_AFTER_S,
) -> tuple[RouteDecision, str | None]:
    """Put the conversation's model first where it stays.

    Parameters
    ----------
    cold_after_s : float
        After so long the provider's prompt cache counts as cold.

    Returns
    -------
    decision : RouteDecision
        With the seat's model first; unchanged where the conversation moves.
    target : str, optional
        Name of the target to prefer: its prompt cache is warm.
    """
    if seat is None or not keeps_seat(decision):
        return decision, None
    if not stays(seat, decision, view, now_s, cold_after_s):
        return decision, seat.target if decision.model == seat.model else None
    if seat.model in decision.left_out:
        return decision, None
    why = "in a tool loop" if view.in_tool_loop else "same conversation"
    settled = replace(
        decision,
        candidates=distinct((seat.model, *decision.candidates)),
        reasons=(*decision.reasons, f"stays with {seat.model}: {why}"),
        trace={**decision.trace, "selected_reason": "affinity"},
    )
    return settled, seat.target


def next_seat(
    decision: RouteDecision, seat: Seat | None, model: str, target: str, now_s: float
) -> Seat:
    """Return the seat after an answer: a conversation that stayed keeps its complexity.

    Parameters
    ----------
    model, target : str
        What answered, after any failover.
    """
    judged: str = decision.judgement.complexity
    stayed = decision.trace.get("selected_reason") == "affinity"
    if stayed and seat is not None and seat.model == model:
        # Not a harder one either: a tool loop stays whatever it is judged, and the next
        # user turn must still find that its model was chosen for less.
        judged = seat.complexity
    return Seat(model=model, target=target, complexity=judged, used_at_s=now_s)


def _keyed(secret: bytes, *parts: str) -> str:
    """Return a keyed hash; lengths keep the parts apart."""
    digest = blake2b(key=secret[:64], digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()
