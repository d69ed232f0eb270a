"""This module limits repeated calls to one provider, so that an outage is not made worse.

A bucket per provider holds a few tokens. Calling a provider again for the same request
takes one; a repeat that succeeds gives it back, so that a model that is down beside
healthy ones never drains the bucket; in a total outage nothing comes back, and the whole
outage costs no more than the bucket held. Ordinary successes fill it slowly.
"""

from __future__ import annotations

from router.providers.base import Account
from router.state.store import TtlMap

CAPACITY = 10
"""Repeats that a full bucket allows: 100 requests into an outage make at most 110 calls."""

SUCCESSES_PER_TOKEN = 10
_FORGET_S = 3600.0


def provider_key(account: Account) -> str:
    """Return what fails together: a service at one address, whichever account calls it.

    Examples
    --------
    >>> provider_key(Account("eu", "openai", "openai", "https://api.openai.com"))
    'openai https://api.openai.com'
    """
    return f"{account.provider} {account.base_url}"


class RetryTokens:
    """Token buckets by `provider_key`, counted in whole successes: no float drift."""

    def __init__(self, capacity: int = CAPACITY, max_providers: int = 1024) -> None:
        self._full = capacity * SUCCESSES_PER_TOKEN
        self._levels: TtlMap[str, int] = TtlMap(max_providers, _FORGET_S)

    def tokens(self, key: str, now_s: float) -> int:
        """Return how many repeats are allowed now."""
        return self._level(key, now_s) // SUCCESSES_PER_TOKEN

    def take(self, key: str, now_s: float) -> bool:
        """Take a token for a repeated call; False where none is left.

        Examples
        --------
        >>> tokens = RetryTokens(capacity=1)
        >>> tokens.take("openai", now_s=0.0), tokens.take("openai", now_s=0.0)
        (True, False)
        """
        level = self._level(key, now_s)
        if level < SUCCESSES_PER_TOKEN:
            return False
        self._levels.put(key, level - SUCCESSES_PER_TOKEN, now_s)
        return True

    def record_success(self, key: str, now_s: float, *, repeated: bool = False) -> None:
        """Fill the bucket; a repeated call that succeeded gives its whole token back."""
        gain = SUCCESSES_PER_TOKEN if repeated else 1
        level = self._level(key, now_s)
        if level < self._full:
            self._levels.put(key, min(self._full, level + gain), now_s)

    def _level(self, key: str, now_s: float) -> int:
        """Return the level in tenths of a token; a provider not yet seen has a full bucket."""
        level = self._levels.get(key, now_s)
        return self._full if level is None else level
