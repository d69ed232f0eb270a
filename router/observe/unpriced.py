"""This module warns of answers whose cost cannot be told, once for each model."""

from __future__ import annotations

import logging

from router.canonical.usage import Usage
from router.providers.base import Target

log = logging.getLogger(__name__)

_MAX_WARNINGS = 200
_KINDS_WITHOUT_PRICE = frozenset({"demo"})


class Unpriced:
    """Remembers which models this process has warned of."""

    def __init__(self) -> None:
        self._warned: set[str] = set()

    def seen(self, target: Target, usage: Usage) -> bool:
        """Note an answer; warn if it is the first of its model without a price.

        Returns
        -------
        bool
            A warning was written.
        """
        name = target.name
        if name in self._warned or len(self._warned) >= _MAX_WARNINGS:
            return False
        if target.account.kind in _KINDS_WITHOUT_PRICE:
            return False
        if target.price is not None and target.price.parts_usd(usage) is not None:
            return False
        self._warned.add(name)
        log.warning(
            "no price is known, so this model's cost is left out; set `price` under models",
            extra={"model": target.model, "account": target.account.name},
        )
        return True
