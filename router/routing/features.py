"""This module turns a text into what the judge's linear model weighs: pure, no tables.

From a text come three groups of features:

* *words*: letters of one run, digits by their count, one CJK character, one mark; the
  first few once more as openers, since requests begin with what they want;
* *pairs* of neighbouring words, which is also what makes a word of two CJK characters;
* *structure*: named yes/no facts such as ``code_fence`` or ``chars>=800``.

Words and pairs are hashed into `BUCKETS` rows. Training runs this same code, so a change
here asks for a new model file; `LAYOUT` makes a stale one fail at load.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

BUCKET_BITS = 17
BUCKETS = 1 << BUCKET_BITS
_MASK = BUCKETS - 1
_OPENERS = 4

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[^\W\d_{_CJK}]+|\d+|[{_CJK}]|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Features:
    """What a text shows: rows of the hashed table by group, and named facts.

    Attributes
    ----------
    words, pairs : tuple of int
        Distinct rows, 0 to ``BUCKETS - 1``, ascending.
    structure : tuple of int
        Positions in `STRUCTURE`.
    """

    words: tuple[int, ...]
    pairs: tuple[int, ...]
    structure: tuple[int, ...]


def tokens(text: str) -> list[str]:
    """Split a text into lower-case words.

    Examples
    --------
    >>> tokens("Sort 1200 x_i; 排序")
    ['sort', '0000', 'x', 'i', ';', '排', '序']
    """
    return ["0" * min(len(w), 4) if w.isdigit() else w for w in _WORD.findall(text.lower())]


def word_hash(word: str) -> int:
    """Return the 32-bit hash of a word; its row is the low `BUCKET_BITS` bits."""
    return crc32(word.encode("utf-8", "replace"))


def word_row(hashed: int) -> int:
    """Return the row of a word, given its `word_hash`."""
    return hashed & _MASK


def opener_row(hashed: int) -> int:
    """Return the row of a word among the openers, given its `word_hash`."""
    return (hashed * 0x9E3779B1 >> 7) & _MASK


def pair_row(left: int, right: int) -> int:
    """Return the row of two neighbouring words, given both `word_hash`."""
    return ((left * 31 ^ right) * 0x85EBCA6B >> 11) & _MASK


def extract(text: str) -> Features:
    """Return the features of a text; read all of it, so cut it before (`question`).

    Examples
    --------
    >>> [STRUCTURE[i] for i in extract("why?").structure][-4:]
    ['ends_with_question', 'starts_small', 'question_first', 'any']
    """
    words = tokens(text)
    hashes = [word_hash(w) for w in words]
    rows = {h & _MASK for h in hashes}
    rows.update(map(opener_row, hashes[:_OPENERS]))
    # Written out: a call per pair would cost more than all the rest.
    pairs = {((a * 31 ^ b) * 0x85EBCA6B >> 11) & _MASK for a, b in pairwise(hashes)}
    return Features(tuple(rows), tuple(pairs), tuple(_structure(text, words)))


_FEW = (1, 2, 3, 5, 8, 13)
_SHARES = (0.005, 0.02, 0.05, 0.1, 0.2, 0.4)

_LADDERS: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("chars", (20, 40, 70, 110, 160, 240, 360, 550, 800, 1200, 1800)),
    ("words", (3, 6, 10, 16, 25, 40, 70, 120, 200)),
    ("lines", (2, 4, 8, 16, 32)),
    ("numbers", _FEW),
    ("questions", _FEW[:4]),
    ("sentences", _FEW),
    ("bullets", _FEW[:5]),
    ("code_marks", _FEW),
    ("math_marks", _FEW),
    ("commas", _FEW),
    ("quotes", _FEW[:5]),
    ("bracket_share", _SHARES),
    ("digit_share", _SHARES),
    ("capital_share", _SHARES),
    ("foreign_share", _SHARES),
    ("word_length", (3.5, 4.0, 4.5, 5.0, 5.5, 6.5)),
)
_FLAGS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("code_fence", re.compile(r"```")),
    ("inline_code", re.compile(r"`[^`\n]+`")),
    ("indented", re.compile(r"\n(?: {2,}|\t)\S")),
    ("assignment", re.compile(r"\w ?(?::=|[-+*/]?=) ?[\w\"'\[({]")),
    ("call", re.compile(r"\w\(\w*[,)]")),
    ("comparison", re.compile(r"[=!<>]=|&&|\|\||[=-]>|::")),
    ("markup", re.compile(r"</?[a-zA-Z][^>\n]{0,80}>")),
    (
        "path",
        re.compile(
            r"(?:^|\s)(?:~|\.{0,2})/[\w.-]+"
            r"|\w\.(?:py|js|ts|c|h|go|rs|java|sh|sql|json|ya?ml|csv|txt|log)\b"
        ),
    ),
    ("url", re.compile(r"https?://")),
    ("snake_or_camel", re.compile(r"[a-z0-9]_[a-z]|[a-z][A-Z][a-z]")),
    (
        "trace",
        re.compile(r"Traceback|Exception\b|Error:|\bat [\w.$]+\(|errno|exit code|[Ss]egfault"),
    ),
    ("log_lines", re.compile(r"\d\d:\d\d:\d\d|\b(?:ERROR|WARN|INFO|DEBUG|FATAL)\b")),
    ("table", re.compile(r"\|[^|\n]+\|[^|\n]+\|")),
    ("latex", re.compile(r"\$[^$\n]+\$|\\(?:frac|sum|int|sqrt|begin|mathbf|left|cdot|in\b)")),
    ("equation", re.compile(r"[\dxyzn)] ?[-+*/^=×÷] ?[\d(xyzn]")),
    ("money_or_percent", re.compile(r"[$€£¥] ?\d|\d ?(?:%|percent|dollars|元|円)")),
    ("choices", re.compile(r"(?:^|\n) *\(?[A-Da-d][).:] .*\n *\(?[B-Eb-e][).:] ")),
    ("field_label", re.compile(r"(?:^|\n)[A-Z][\w ]{1,30}: ")),
    ("ends_with_question", re.compile(r"[?？]\s*\Z")),
    ("ends_with_colon", re.compile(r"[:：]\s*\Z")),
    ("starts_small", re.compile(r"\A\s*[a-z]")),
    ("starts_foreign", re.compile(r"\A\s*[^\x00-\x7f]")),
    ("question_first", re.compile(r"\A[^.!?\n]{0,160}[?？]")),
    ("quote_block", re.compile(r"\"\"\"|[\"“«「][^\"”»」]{60,}")),
    ("blank_line", re.compile(r"\n\s*\n")),
)


def _names() -> Iterator[str]:
    for name, steps in _LADDERS:
        yield from (f"{name}>={step:g}" for step in steps)
    yield from (name for name, _ in _FLAGS)
    yield "any"


STRUCTURE: tuple[str, ...] = tuple(_names())
"""Names of the structural facts, in the order of the model's rows."""

CHOICES = STRUCTURE.index("choices")

LAYOUT = crc32("\n".join((*STRUCTURE, _WORD.pattern, *(p.pattern for _, p in _FLAGS))).encode())
"""Changes whenever a fact, its pattern or the splitting into words changes."""

_BULLET = re.compile(r"\n *(?:[-*•]|\d+[.)、]) ")
_SENTENCE = re.compile(r"[.!?。！？](?:\s|$|[^\x00-\x7f])")
_CAPITAL = re.compile(r"[A-Z]")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_CODE_MARK = re.compile(
    r"[;{}] *(?:\n|$)|\b(?:def|class|import|return|function|const|void|public"
    r"|SELECT|FROM|WHERE|elif|var|let)\b"
)
_MATH_MARK = re.compile(r"[\^=+×÷√≤≥∑∫π]|\\[a-z]+")


def _structure(text: str, words: list[str]) -> Iterator[int]:
    """Yield positions in `STRUCTURE`; each ladder yields all steps up to its value."""
    size = len(text) or 1
    count = text.count
    numbers = [w for w in words if w[0] == "0"]
    letters = [len(w) for w in words if w.isalpha()]
    values = (
        len(text),
        len(words),
        count("\n") + 1,
        len(numbers),
        count("?") + count("？"),
        len(_SENTENCE.findall(text)),
        len(_BULLET.findall(text)),
        len(_CODE_MARK.findall(text)),
        len(_MATH_MARK.findall(text)),
        count(",") + count("，") + count("、"),
        count('"') + count("“") + count("「"),
        (count("(") + count("[") + count("{") + count("<")) / size,
        sum(map(len, numbers)) / size,
        len(_CAPITAL.findall(text)) / size,
        sum(map(len, _FOREIGN.findall(text))) / size,
        sum(letters) / len(letters) if letters else 0.0,
    )
    start = 0
    for value, (_, steps) in zip(values, _LADDERS, strict=True):
        yield from range(start, start + bisect_right(steps, value))
        start += len(steps)
    for offset, (_, pattern) in enumerate(_FLAGS):
        if pattern.search(text):
            yield start + offset
    yield start + len(_FLAGS)
