"""This module finds the words that a request is to be judged by.

These are the caller's latest words: blocks that a program wrapped around them (an agent's
environment, a chat client's retrieved documents) are taken out, long code blocks are cut
short, and of a long text only the ends are read. A very short turn ("yes, go on") is read
together with the turns before it.
"""

from __future__ import annotations

import re

from router.canonical.prompt import PromptView

HEAD_CHARS, TAIL_CHARS = 1200, 500
WINDOW_CHARS = HEAD_CHARS + TAIL_CHARS

_SHORT_CHARS = 25
_LEAN_CHARS = 600
_LEAN_TURNS = 3
_CODE_HEAD_CHARS, _CODE_TAIL_CHARS = 300, 100

# Tags that programs put around what they add to a user's message: Codex
# (environment_context, user_instructions), Claude Code (system-reminder), Gemini CLI
# (session_context), Cline and others (environment_details, file_content …).
_CONTEXT_NAME = (
    r"[a-z][\w-]*[ _-](?:context|reminder|instructions?|details|info|content|files?|documents?"
    r"|state|history|metadata|stdout|stderr|output|output_tail|caveat|rules|memory)"
    r"|context|instructions|attachments?|documents?|sources?|environment|workspace_info"
)
_OPENING = re.compile(rf"\s*<({_CONTEXT_NAME})(?:\s[^<>]{{0,200}})?>", re.IGNORECASE)
_CLOSING = re.compile(rf"</({_CONTEXT_NAME})>\s*\Z", re.IGNORECASE)
_MAX_BLOCKS = 20

_AGENT_SETUP = re.compile(r"This is the [\w ]{1,40}\. We are setting up the context for our chat\.")
_RETRIEVAL = "### Task:"
_INTERPRETER = "#### Tools Available"

_FENCE = re.compile(r"```[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)


def question(view: PromptView) -> str:
    """Return the text to judge, at most about 2,900 characters; empty if there is none."""
    parts: list[str] = []
    for turn in reversed(view.user_turns[-8:]):
        text = spoken(turn)
        if not text:
            continue
        parts.append(text if not parts else text[-_LEAN_CHARS:])
        if sum(map(len, parts)) > _SHORT_CHARS or len(parts) > _LEAN_TURNS:
            break
    return "\n".join(reversed(parts))


def spoken(turn: str) -> str:
    r"""Return what the caller said in a turn, shortened; empty where a program wrote it all.

    Examples
    --------
    >>> spoken("<environment_context>\n<cwd>/src</cwd>\n</environment_context>\n\nfix it")
    'fix it'
    >>> spoken("<p>Is this valid HTML?</p>")
    '<p>Is this valid HTML?</p>'
    """
    text = _without_blocks(turn)
    if text.startswith(_RETRIEVAL):
        text = _asked_of_documents(text)
    elif _INTERPRETER in text[-4000:] and "<code_interpreter" in text[-4000:]:
        text = text[: text.rindex(_INTERPRETER)]
    if _AGENT_SETUP.match(text):
        return ""
    return _shortened(_window(text.strip()))


def _without_blocks(text: str) -> str:
    """Take tagged blocks off both ends."""
    start, end = 0, len(text)
    for _ in range(_MAX_BLOCKS):
        opening = _OPENING.match(text, start, end)
        if opening is None:
            break
        closing = f"</{opening[1]}>"
        found = text.find(closing, opening.end(), end)
        if found < 0:
            break
        start = found + len(closing)
    for _ in range(_MAX_BLOCKS):
        tail = max(start, end - 120)
        closed = _CLOSING.search(text[tail:end])
        if closed is None:
            break
        found = text.rfind(f"<{closed[1]}", start, tail + closed.start())
        if found < 0:
            break
        end = found
    return text[start:end].strip()


def _asked_of_documents(text: str) -> str:
    """Return the query of a retrieval template as Open-WebUI's, else the text itself."""
    query = text.rfind("<user_query>")
    if query >= 0:
        return text[query + len("<user_query>") :].split("</user_query>", maxsplit=1)[0]
    context = text.rfind("</context>")
    if context >= 0:
        return text[context + len("</context>") :].strip() or text
    return text


def _window(text: str) -> str:
    """Return a long text's start and end, joined."""
    if len(text) <= WINDOW_CHARS:
        return text
    return f"{text[:HEAD_CHARS]}\n{text[-TAIL_CHARS:]}"


def _shortened(text: str) -> str:
    """Cut long code blocks, since what was pasted says less than what was asked."""
    if "```" not in text:
        return text
    return _FENCE.sub(_shorten, text)


def _shorten(fence: re.Match[str]) -> str:
    code = fence[1]
    if len(code) <= _CODE_HEAD_CHARS + _CODE_TAIL_CHARS:
        return fence[0]
    return f"```\n{code[:_CODE_HEAD_CHARS]}\n{code[-_CODE_TAIL_CHARS:]}\n```"
