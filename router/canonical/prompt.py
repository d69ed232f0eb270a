"""This module holds what routing looks at in a request, read without converting it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PromptView:
    """A glance at a request of any format.

    Attributes
    ----------
    format : str
        Name of the ingress format, or of the endpoint (``openai_embeddings``,
        ``images``, ``audio``, …).
    user_turns : tuple of str
        Text of the caller's turns, oldest first, text parts joined by newlines, tool
        results left out; the last 8 that have text.
    turn_count : int
        User turns in the whole conversation, those with tool results only left out.
    system : str
        Text of system and developer messages (``instructions``, ``system``).
    first_user : str
        Text of the very first user turn: what a conversation is known by.
    has_image, has_audio, has_document : bool
        In any part of the conversation; `image_in_last_turn` in the last user turn.
    in_tool_loop : bool
        The last thing said is a tool's result: the model is in the middle of its work.
    wants_json : bool
        A JSON object or schema is asked for; `wants_schema` a schema.
    reasoning_effort : str, optional
        As the caller named it, or ``budget`` where a token budget is given.
    input_chars : int
        Characters of all text in the request, tools and system included.
    user_chars : int
        Characters of all user text.
    """

    format: str
    user_turns: tuple[str, ...] = ()
    turn_count: int = 0
    system: str = ""
    first_user: str = ""
    has_image: bool = False
    image_in_last_turn: bool = False
    has_audio: bool = False
    has_document: bool = False
    has_tools: bool = False
    tool_choice: str | None = None
    in_tool_loop: bool = False
    wants_json: bool = False
    wants_schema: bool = False
    reasoning_effort: str | None = None
    stream: bool = False
    messages_count: int = 0
    input_chars: int = 0
    user_chars: int = 0
    max_output_tokens: int | None = None

    @property
    def last_turn(self) -> str:
        """Text of the latest user turn, or nothing."""
        return self.user_turns[-1] if self.user_turns else ""
