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
from collections.abc import Callable, Iterator
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
        Distinct rows, 0 to ``BUCKETS - 1``.
    structure : tuple of int
        Positions in `STRUCTURE`.
    """

    words: tuple[int, ...]
    pairs: tuple[int, ...]
    structure: tuple[int, ...]


_NO_DIGIT = str.maketrans("123456789", "000000000")


def tokens(text: str) -> list[str]:
    """Split a text into lower-case words; digits become zeros.

    Examples
    --------
    >>> tokens("Sort 1200 x_i; 排序")
    ['sort', '0000', 'x', 'i', ';', '排', '序']
    """
    return _WORD.findall(text.lower().translate(_NO_DIGIT))


def word_hash(word: str) -> int:
    """Return the 32-bit hash of a word."""
    return crc32(word.encode("utf-8", "replace"))


def word_row(hashed: int) -> int:
    """Return the row of a word, given its `word_hash`."""
    return hashed & _MASK


def opener_row(hashed: int) -> int:
    """Return the row of a word among the openers, given its `word_hash`."""
    return (hashed >> 13) & _MASK


def pair_row(left: int, right: int) -> int:
    """Return the row of two neighbouring words, given both `word_hash`."""
    return (left * 31 ^ right) & _MASK


def extract(text: str) -> Features:
    """Return the features of a text; all of it is read, so cut it before (`question`).

    Examples
    --------
    >>> [STRUCTURE[i] for i in extract("why?").structure][-4:]
    ['ends_with_question', 'starts_small', 'question_first', 'any']
    """
    words = tokens(text)
    known = {w: word_hash(w) for w in dict.fromkeys(words)}
    hashes = [known[w] for w in words]
    rows = {h & _MASK for h in known.values()}
    rows.update(map(opener_row, hashes[:_OPENERS]))
    # `pair_row` written out: a call per pair would cost more than all the rest.
    pairs = {(a * 31 ^ b) & _MASK for a, b in pairwise(hashes)}
    return Features(tuple(rows), tuple(pairs), tuple(_structure(text, words, known)))


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
    ("word_length", (2.5, 3.0, 3.5, 4.0, 4.5, 5.5)),
)

# Literal marks, as `in` is many times faster than a pattern over the whole text.
_MARKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("code_fence", ("```",)),
    ("indented", ("\n  ", "\n\t")),
    ("assignment", (" = ", ":=", "+=", '="', "='", " =\n")),
    ("call", ("()", ");", "),", "(self", "('", '("')),
    ("comparison", ("==", "!=", "<=", ">=", "&&", "||", "=>", "->", "::")),
    ("markup", ("</", "/>", "<br", "<div", "<!")),
    ("directory", (" /", "./", "~/", "\n/", ":\\")),
    ("file_name", (".py", ".js", ".ts", ".cpp", ".java", ".sh", ".sql", ".json", ".yml", ".yaml")),
    ("text_file", (".csv", ".txt", ".log", ".md", ".xml", ".html", ".conf", ".tar", ".pdf")),
    ("url", ("http://", "https://")),
    ("trace", ("Traceback", "Exception", "Error:", "errno", "exit code", "egmentation fault")),
    ("log_level", ("ERROR", "WARN", "INFO", "DEBUG", "FATAL", "ERR!")),
    ("query", ("SELECT ", "select *", "INSERT ", "UPDATE ", "CREATE TABLE", "JOIN ")),
    ("table", ("| ", "|-", ",,")),
    (
        "latex",
        ("\\frac", "\\sum", "\\int", "\\sqrt", "\\begin", "\\math", "\\left", "\\cdot", "$$"),
    ),
    ("money_or_percent", ("$", "€", "£", "¥", "%", "percent", "dollars", "元", "円")),
    ("blank_line", ("\n\n", "\n \n", "\n\r\n")),
    ("gap", ("...", "…", "__")),
)
_PATTERNS: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("inline_code", re.compile(r"`[^`\n]+`").search),
    ("snake_case", re.compile(r"_[a-z]").search),
    ("clock_time", re.compile(r":\d\d:\d\d").search),
    ("formula", re.compile(r"\$[^$\n]+[=^\\{][^$\n]*\$").search),
    ("choices", re.compile(r"\n *\(?[Bb][).:] [^\n]*\n *\(?[Cc][).:] ").search),
    ("field_label", re.compile(r"\n[A-Z][\w ]{1,30}: ").search),
    ("label_first", re.compile(r"\W{0,4}[A-Z][\w ]{1,30}: ?").match),
    ("ends_with_question", re.compile(r"[?？]\s*\Z").search),
    ("ends_with_colon", re.compile(r"[:：]\s*\Z").search),
    ("starts_small", re.compile(r"\s*[a-z]").match),
    ("starts_foreign", re.compile(r"\s*[^\x00-\x7f]").match),
    ("question_first", re.compile(r"[^.!?\n]{0,160}[?？]").match),
    ("quote_block", re.compile(r"\"[^\"]{60}|[“«「][^”»」]{60}").search),
)


def _names() -> Iterator[str]:
    for name, steps in _LADDERS:
        yield from (f"{name}>={step:g}" for step in steps)
    yield from (name for name, _ in _MARKS)
    yield from (name for name, _ in _PATTERNS)
    yield from ("equation", "any")


STRUCTURE: tuple[str, ...] = tuple(_names())
"""Names of the structural facts, in the order of the model's rows."""

CHOICES = STRUCTURE.index("choices")

LAYOUT = crc32("\n".join((*STRUCTURE, _WORD.pattern, str(_MARKS))).encode())
"""Changes with the facts, their marks and the splitting into words."""

_BULLET = re.compile(r"\n *(?:[-*•]|\d+[.)、]) ")
_EQUATION = re.compile(r"[\dxyzn)] ?[-+*/^=×÷] ?[\d(xyzn]")
_OPERATORS = "=+^*/×÷"
_MATH_SIGNS = "=+^×÷√≤≥∑∫π\\"
_SENTENCE_ENDS = (". ", "? ", "! ", ".\n", "?\n", "。", "？", "！")
_CODE_WORDS = frozenset(
    {"def", "class", "import", "return", "function", "const", "void", "public", "elif", "var"}
    | {"int", "null", "print", "str", "async", "await", "struct", "echo", "sudo", "printf"}
)
_CODE_ENDS = (";\n", "{\n", "}\n", ");", "):\n")
_MARKS_CHARS = 1000
"""How much is searched for `_MARKS`: each costs a pass over the text."""
_CAPITALS = bytes(range(ord("A"), ord("Z") + 1))
_DIGITS = b"0123456789"


def _values(text: str, words: list[str], known: dict[str, int]) -> tuple[float, ...]:
    """Return a value for each of `_LADDERS`."""
    size = len(text) or 1
    count = text.count
    ascii_part = text.encode("ascii", "ignore")
    ascii_size = len(ascii_part)
    return (
        len(text),
        len(words),
        count("\n") + 1,
        words.count("0") + words.count("00") + words.count("000") + words.count("0000"),
        count("?") + count("？"),
        sum(map(count, _SENTENCE_ENDS)),
        len(_BULLET.findall(text)),
        len(_CODE_WORDS & known.keys()) + sum(map(count, _CODE_ENDS)),
        sum(map(count, _MATH_SIGNS)),
        count(",") + count("，") + count("、"),
        count('"') + count("“") + count("「"),
        (count("(") + count("[") + count("{") + count("<")) / size,
        (ascii_size - len(ascii_part.translate(None, _DIGITS))) / size,
        (ascii_size - len(ascii_part.translate(None, _CAPITALS))) / size,
        (size - ascii_size) / size,
        sum(map(len, words)) / len(words) if words else 0.0,
    )


def _structure(text: str, words: list[str], known: dict[str, int]) -> Iterator[int]:
    """Yield positions in `STRUCTURE`; each ladder yields all steps up to its value."""
    at = 0
    for value, (_, steps) in zip(_values(text, words, known), _LADDERS, strict=True):
        yield from range(at, at + bisect_right(steps, value))
        at += len(steps)
    start = text[:_MARKS_CHARS]
    for _, marks in _MARKS:
        for mark in marks:
            if mark in start:
                yield at
                break
        at += 1
    for _, found in _PATTERNS:
        if found(text):
            yield at
        at += 1
    if any(sign in text for sign in _OPERATORS) and _EQUATION.search(text):
        yield at
    yield at + 1
