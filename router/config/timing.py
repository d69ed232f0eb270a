"""This module derives deadlines from settings and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from router.config.settings import Settings
from router.providers.base import Timeouts


def base_timeouts(settings: Settings, given: Mapping[str, float]) -> Timeouts:
    """Return the deadlines that hold where nothing nearer says otherwise.

    ``BACKEND_TIMEOUT_SECONDS`` sets first content and idle; a file's `timeouts` win.
    """
    timeouts = Timeouts()
    if settings.backend_timeout_s is not None:
        timeouts = without_answer(timeouts, settings.backend_timeout_s)
    return replace(timeouts, **given)


def without_answer(timeouts: Timeouts, seconds: float) -> Timeouts:
    """Return deadlines under which nothing may stay silent for longer.

    The total only ever grows by it: a long answer that keeps coming is not cut.

    Examples
    --------
    >>> without_answer(Timeouts(), 60).idle_s, without_answer(Timeouts(), 900).total_s
    (60, 900)
    """
    return replace(
        timeouts,
        first_content_s=seconds,
        idle_s=seconds,
        total_s=max(timeouts.total_s, seconds),
    )
