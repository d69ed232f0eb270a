"""This module recognises errands: requests that a program makes for itself.

Chat clients ask for titles, tags and follow-ups, coding agents for titles, summaries and
routing scores. They quote whole conversations, so a judge of texts takes them for hard
work; they are not. A header tells where there is one, else the shape of the template:
always several of its marks together, since a person's homework may begin with one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from router.canonical.prompt import PromptView

TASK_HEADER = "x-openwebui-task"
CODEX_HEADER = "x-codex-turn-metadata"

# What Open-WebUI's {{TASK}} says; "moa_response_generation" writes the answer that the
# user reads, and an empty value or "default" is the chat itself.
_ERRANDS = frozenset(
    {
        "title_generation",
        "follow_up_generation",
        "tags_generation",
        "emoji_generation",
        "query_generation",
        "image_prompt_generation",
        "autocomplete_generation",
        "function_calling",
    }
)

_CODEX_ERRAND = re.compile(
    r'"request_kind"\s*:\s*"[^"]*(?:compact|summar|title|memor)', re.IGNORECASE
)

_TEMPLATE = "### Task:"
_HISTORY_END = re.compile(r"</chat_history>\s*(?:<type>.*)?(?:#{2,4} Output:\s*)?\Z", re.DOTALL)
_ASKS_JSON = re.compile(r"#{2,4} Output:|JSON", re.IGNORECASE)
_HEAD_CHARS, _TAIL_CHARS = 8000, 3000

# Openings of whole templates: the agent's own words, not what a person types.
_SYSTEM_OPENINGS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "title",
        re.compile(
            r"you are a (?:conversation |thread |chat |session )?title generator"
            r"|(?:generate|write|create|provide) (?:a|an) [^.\n]{0,80}?title\b[^.\n]{0,60}"
            r"\b(?:conversation|chat|thread|session)\b"
            r"|summari[sz]e this coding (?:conversation|session) in under"
            r"|analyze if this message indicates a new conversation topic",
            re.IGNORECASE,
        ),
    ),
    (
        "summary",
        re.compile(
            r"you are a helpful ai assistant tasked with summari[sz]ing conversations"
            r"|you are (?:the|a)[^.\n]{0,40} component (?:that|responsible for) "
            r"(?:summari[sz]es|distilling)[^.\n]{0,40} (?:chat|history)"
            r"|you are an? (?:anchored )?context summari[sz]ation",
            re.IGNORECASE,
        ),
    ),
    (
        "classifier",
        re.compile(
            r"you are a specialized task routing ai"
            r"|your task is to process bash commands that an ai coding agent wants to run",
            re.IGNORECASE,
        ),
    ),
    (
        "memory",
        re.compile(
            r"you are now acting as the [\w -]{0,40}memory [\w -]{0,30}(?:sub)?agent", re.IGNORECASE
        ),
    ),
)
_TURN_OPENINGS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "summary",
        re.compile(
            r"your task is to create a detailed summary of "
            r"(?:the conversation so far|our conversation)"
            r"|you are performing a context checkpoint compaction",
            re.IGNORECASE,
        ),
    ),
    (
        "emoji",
        re.compile(
            r"your task is to reflect the speaker's likely facial expression "
            r"through a fitting emoji",
            re.IGNORECASE,
        ),
    ),
    (
        "classifier",
        re.compile(
            r"analyze \*only\* the content and structure of your immediately preceding response",
            re.IGNORECASE,
        ),
    ),
)
_TITLE_TURN = re.compile(
    r"(?:please )?(?:generate|write|create|provide) (?:a|an) [^.\n]{0,60}?title for "
    r"(?:this|the following) (?:conversation|chat|thread|session):\s*\n",
    re.IGNORECASE,
)


def errand(view: PromptView, headers: Mapping[str, str] | None = None) -> str | None:
    r"""Return which errand a request is, None for a person's request.

    Parameters
    ----------
    headers : mapping of str to str, optional
        The request's headers, names in lower case.

    Returns
    -------
    str or None
        As ``title_generation`` (the header's word), or the kind of template: ``template``,
        ``title``, ``summary``, ``classifier``, ``memory``, ``emoji``.

    Examples
    --------
    >>> errand(PromptView("openai_chat"), {"x-openwebui-task": "tags_generation"})
    'tags_generation'
    >>> errand(PromptView("openai_chat", user_turns=("### Task:\nWrite a title.",)))
    """
    told = _told(headers or {})
    if told is not None:
        return told
    return _open_webui(view) or _agent(view)


def _told(headers: Mapping[str, str]) -> str | None:
    """Return what the client itself says in a header."""
    task = headers.get(TASK_HEADER, "").strip().lower()
    if task in _ERRANDS:
        return task
    return "summary" if _CODEX_ERRAND.search(headers.get(CODEX_HEADER, "")) else None


def _open_webui(view: PromptView) -> str | None:
    """Tell one of Open-WebUI's templates: a single turn that ends in the quoted chat."""
    text = view.last_turn.strip()
    if view.turn_count > 1 or view.has_tools or not text.startswith(_TEMPLATE):
        return None
    ends = _HISTORY_END.search(text[-_TAIL_CHARS:])
    history = text.find("<chat_history>", 0, _HEAD_CHARS)
    if ends is None or history < 0:
        return None
    return "template" if _ASKS_JSON.search(text, 0, history) else None


def _agent(view: PromptView) -> str | None:
    """Tell a coding agent's call by how its own template begins."""
    system = view.system[:400].lstrip()
    if system:
        for kind, opening in _SYSTEM_OPENINGS:
            if opening.match(system):
                return kind
    turn = view.last_turn[:400].lstrip()
    for kind, opening in _TURN_OPENINGS:
        if opening.match(turn):
            return kind
    alone = view.turn_count <= 1 and not view.has_tools
    return "title" if alone and _TITLE_TURN.match(turn) else None
