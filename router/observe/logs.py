"""This module sets up the text log: one line a record, secrets hidden, nothing injected.

The audit log is the record; this one is for people. Facts come in ``extra``::

    log.warning("attempt failed", extra={"target": name, "attempt": n})
"""

from __future__ import annotations

import json
import logging
import logging.config
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from router.observe.fields import RequestFacts, cost_text
from router.observe.jsonl import encode_line
from router.observe.redact import HIDDEN, hide_secrets, is_sensitive_name
from router.routing.decision import Outcome, RouteDecision

LogFormat = Literal["text", "json"]

_MAX_CHARS = 16_000
_STANDARD = frozenset(
    [*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"]
)
_PLAIN_VALUE = re.compile(r"[\w./:@%+*,\[\]-]+")
# C0 (newlines among them), DEL, C1, line and paragraph separators, bidi controls.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# gunicorn quotes what it could not parse, be it a header line with a key in it.
_QUOTED_INPUT = re.compile(
    r"((?:Invalid|Unsupported|Obsolete|Unable to comply|No more data|Expected HTTP/2)[^:'\"]*:? ?)"
    r"(?=b?['\"]).*",
    re.DOTALL,
)

ACCESS = "router.access"
access_log = logging.getLogger(ACCESS)


class RedactingFilter(logging.Filter):
    """Hides secrets in every record that passes: message, arguments, facts, traceback.

    Attributes
    ----------
    secrets : callable
        The credentials to hide; asked for each record, as a reload changes them.
    """

    def __init__(self, secrets: Callable[[], Sequence[str]] = tuple) -> None:
        super().__init__()
        self.secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; let every one pass."""
        if record.name == ACCESS:
            return True  # `log_request` has hidden what callers chose; the rest is ours
        secrets = self.secrets()
        message = _message(record)
        if record.name == "gunicorn.error":
            message = _QUOTED_INPUT.sub(rf"\1{HIDDEN}", message)
        record.msg, record.args = _hide(message, secrets), ()
        if record.exc_info and record.exc_info[0] is not None and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            # The end of a traceback says most.
            tail = record.exc_text[-2 * _MAX_CHARS :]
            record.exc_text = hide_secrets(tail, secrets)[-_MAX_CHARS:]
        for name, value in _facts(record):
            setattr(record, name, _hide_in(name, value, secrets))
        return True


class LineFormatter(logging.Formatter):
    r"""One line a record, for people or for machines.

    Control characters, newlines included, come out escaped in either format, so no value
    can pose as another line. Facts given as ``extra`` follow the message.

    Parameters
    ----------
    layout : str
        ``text``: ``time LEVEL logger: message key=value …``; ``json``: one object.
    """

    def __init__(self, layout: LogFormat = "text") -> None:
        super().__init__()
        self._layout = layout

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its newline."""
        if record.exc_info and record.exc_info[0] is not None and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        facts = dict(_facts(record))
        return self._json(record, facts) if self._layout == "json" else self._text(record, facts)

    def _text(self, record: logging.LogRecord, facts: Mapping[str, Any]) -> str:
        """A line for people."""
        parts = [
            f"{_timestamp(record)} {record.levelname} {record.name}: {_message(record)}",
            *(f"{name}={_value(value)}" for name, value in facts.items() if value is not None),
        ]
        if record.exc_text:
            parts.append(f"exc={json.dumps(record.exc_text, ensure_ascii=False)}")
        return _UNSAFE.sub(_escape, " ".join(parts))

    def _json(self, record: logging.LogRecord, facts: Mapping[str, Any]) -> str:
        """A line for machines; facts never displace the five fields in front."""
        line: dict[str, Any] = {
            "ts": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": _message(record),
            "pid": record.process,
        }
        line.update({name: value for name, value in facts.items() if name not in line})
        if record.exc_text:
            line["exc"] = record.exc_text
        return encode_line(line).decode().rstrip("\n")


def logging_config(level: str = "info", layout: LogFormat = "text") -> dict[str, Any]:
    """Return the whole set-up, as ``logging.config.dictConfig`` takes it.

    Everything goes to stderr, gunicorn's loggers included; classes are named by their
    import path, so whoever holds the dict need not import this module.

    Parameters
    ----------
    level : str
        ``debug``, ``info``, ``warning``, ``error`` or ``critical``.
    """
    own = {"level": level.upper(), "handlers": ["stderr"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"redact": {"()": "router.observe.logs.RedactingFilter"}},
        "formatters": {"line": {"()": "router.observe.logs.LineFormatter", "layout": layout}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": "line",
                "filters": ["redact"],
            }
        },
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "loggers": {
            "gunicorn.error": own,
            # One access line a request is enough: see `log_request`.
            "gunicorn.access": {**own, "level": "WARNING"},
            # Their debug lines tell hosts and headers.
            "urllib3": {"level": "WARNING"},
            # A traceback for each answer with an odd header, which is judged elsewhere.
            "urllib3.connection": {"level": "ERROR"},
            "requests": {"level": "WARNING"},
        },
    }


def gunicorn_logging(level: str = "info", layout: LogFormat = "text") -> dict[str, Any]:
    """Return the set-up for gunicorn's ``logconfig_dict``."""
    return logging_config(level, layout)


def configure_logging(
    level: str = "info",
    layout: LogFormat = "text",
    secrets: Callable[[], Sequence[str]] = tuple,
) -> None:
    """Set the process's logging up; for commands that run without gunicorn."""
    logging.config.dictConfig(logging_config(level, layout))
    install_redaction(secrets)


def install_redaction(secrets: Callable[[], Sequence[str]]) -> None:
    """Make every handler of the process hide `secrets`, whoever set it up.

    Call it in each worker once the configuration is known; calling again replaces the
    earlier secrets.

    Parameters
    ----------
    secrets : callable
        The credentials of the configuration in force, asked for each record.
    """
    for handler in _handlers():
        present = [item for item in handler.filters if isinstance(item, RedactingFilter)]
        for item in present:
            item.secrets = secrets
        if not present:
            handler.addFilter(RedactingFilter(secrets))


def log_request(
    facts: RequestFacts, decision: RouteDecision | None, outcome: Outcome, method: str = "POST"
) -> None:
    """Write the one access line of a request."""
    target = outcome.target
    usage = outcome.usage
    requested = decision.requested_model if decision else None
    access_log.info(
        "request",
        extra={
            "request_id": facts.request_id,
            "principal": facts.principal.id if facts.principal else None,
            "method": method,
            "path": hide_secrets(facts.path, ()),
            "status": outcome.status,
            "outcome": outcome.outcome,
            "stream": facts.stream,
            "model_requested": hide_secrets(requested, ()) if requested else None,
            "model": target.model if target else None,
            "account": target.account.name if target else None,
            "attempts": len(outcome.attempts),
            "ttft_ms": _ms(outcome.ttft_ms),
            "duration_ms": _ms(outcome.duration_ms),
            "prompt_tokens": usage.prompt_tokens if usage else None,
            "output_tokens": usage.output_tokens if usage else None,
            "cost_usd": cost_text(outcome.cost_usd),
            "error_type": outcome.error_type,
        },
    )


def _handlers() -> Iterator[logging.Handler]:
    """Every handler of every logger, once."""
    loggers: Iterable[object] = [logging.getLogger(), *logging.root.manager.loggerDict.values()]
    seen: set[int] = set()
    for logger in loggers:
        # Loggers that exist only as parents are place holders.
        for handler in logger.handlers if isinstance(logger, logging.Logger) else ():
            if id(handler) not in seen:
                seen.add(id(handler))
                yield handler


def _message(record: logging.LogRecord) -> str:
    """The message with its arguments; a format that does not fit is shown as it is."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args!r}"


def _facts(record: logging.LogRecord) -> list[tuple[str, Any]]:
    """What was given as ``extra``, in the order given."""
    return [
        (name, value)
        for name, value in vars(record).items()
        if name not in _STANDARD and not name.startswith("_")
    ]


def _hide(text: str, secrets: Sequence[str]) -> str:
    """A text without secrets, bounded; cut again, as the first cut may go through a secret."""
    return hide_secrets(text[: 2 * _MAX_CHARS], secrets)[:_MAX_CHARS]


def _hide_in(name: str, value: object, secrets: Sequence[str]) -> object:
    """A fact without secrets; numbers and truth values as they are."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if is_sensitive_name(name):
        return HIDDEN
    if isinstance(value, list | tuple | set | frozenset):
        return [_hide_in(name, item, secrets) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _hide_in(str(key), item, secrets) for key, item in value.items()}
    return _hide(str(value), secrets)


def _value(value: object) -> str:
    """A fact's value as text, quoted where it would not read as one word."""
    text = value if isinstance(value, str) else str(value)
    return text if _PLAIN_VALUE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _escape(match: re.Match[str]) -> str:
    r"""A control character, visible: ``\n``, ``\x1b``, ``\u2028``."""
    return match[0].encode("unicode_escape").decode()


def _timestamp(record: logging.LogRecord) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ms(value: float | None) -> float | None:
    """Milliseconds to one decimal, as people read them."""
    return None if value is None else round(value, 1)
