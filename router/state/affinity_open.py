"""This module opens the places where conversations' seats are shared."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from router.state.affinity_file import SeatFile
from router.state.affinity_redis import SeatRedis, agreed_secret, connect
from router.state.affinity_shared import SeatStore, SharedAffinities
from router.state.host_secret import SECRET_BYTES, host_secret


def open_affinities(
    state_dir: Path,
    redis_url: str | None,
    epoch: Callable[[], float],
    warn: Callable[[str, str], None],
) -> tuple[SharedAffinities, bytes]:
    """Return conversations' seats, shared as far as may be, and the secret of their keys.

    Workers of one host share a file; with a Redis, hosts share that. Where neither works,
    each worker remembers for itself: a conversation may then move needlessly.

    Parameters
    ----------
    warn : callable
        Told what is not shared, and why.

    Raises
    ------
    ValueError
        `redis_url` is not the URL of a Redis. Its text may quote the URL, password and all.
    """
    try:
        secret = host_secret(state_dir / "affinity.key")
    except OSError as exc:
        warn("affinity holds for each worker alone", str(exc))
        return SharedAffinities((), epoch), os.urandom(SECRET_BYTES)
    stores: list[SeatStore] = [SeatFile(state_dir / "affinity.sqlite")]
    if redis_url:
        client = connect(redis_url)
        agreed = None if client is None else agreed_secret(client, secret)
        if client is not None and agreed is not None:
            stores.append(SeatRedis(client))
            secret = agreed
        else:
            why = "Redis does not answer" if client else 'install "open-llm-router[redis]"'
            warn("affinity holds on this host alone", why)
    return SharedAffinities(stores, epoch), secret
