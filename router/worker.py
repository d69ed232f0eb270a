"""This module is the process around the application: bodies in time, reloads, background work."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import orjson
from gunicorn.errors import AppImportError
from gunicorn.http.errors import NoMoreData, ParseException

from router.config.holder import SnapshotHolder
from router.config.snapshot import Snapshot
from router.errors import ConfigError, InvalidRequest, RequestTimeout
from router.readiness import tell

log = logging.getLogger(__name__)

_POLL_S = 0.05
_AGREE_WITHIN_S = 15.0
_READ_BYTES = 256 * 1024


def read_body(stream: Any, limit_bytes: int, timeout_s: float) -> bytes:
    """Read at most `limit_bytes` of a request's body.

    Raises
    ------
    RequestTimeout
        It did not come within `timeout_s`; gunicorn itself would wait for ever.
    InvalidRequest
        Its framing is broken.
    """
    parts: list[bytes] = []
    left = limit_bytes
    timer = gevent.Timeout.start_new(timeout_s)
    try:
        while left > 0:
            part = stream.read(min(left, _READ_BYTES))
            if not part:
                break
            parts.append(part)
            left -= len(part)
    except gevent.Timeout as exc:
        if exc is not timer:
            raise
        raise RequestTimeout(f"the request's body did not come within {timeout_s:g} s") from None
    except (ParseException, NoMoreData, OSError, ValueError) as exc:
        raise InvalidRequest("the request's body is framed wrongly") from exc
    finally:
        timer.close()
    return b"".join(parts)


@contextmanager
def ending_in_sentences() -> Iterator[None]:
    """End the server with the configuration's problems, one a line.

    gunicorn prints the words of this error of its own; of any other it logs the traceback.
    """
    try:
        yield
    except ConfigError as error:
        told = "\n".join(f"error: {problem}" for problem in error.problems)
        raise AppImportError(told) from error


class Worker:
    """One worker process, and what it knows of the others.

    Each worker writes the digest it runs into ``<state_dir>/workers/<pid>.json``, so that a
    reload can wait until all agree.

    Parameters
    ----------
    check : callable
        Compiles the configuration aside; raises `ConfigError`.
    on_reload : callable
        Told of each reload, and whether it succeeded.
    """

    def __init__(
        self,
        holder: SnapshotHolder,
        check: Callable[[], Snapshot],
        state_dir: Path,
        on_reload: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._on_reload = on_reload
        self._holder = holder
        self._check = check
        self._directory = state_dir / "workers"
        self._is_managed = False

    def started(self) -> None:
        """Note that gunicorn runs this worker, and that its master forwards SIGHUP."""
        self._is_managed = True
        self._publish()
        tell(f"READY=1\nSTATUS=serving configuration {self._holder.current.digest}")

    def reload(self) -> None:
        """Swap the configuration; a bad one is logged and changes nothing."""
        tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        result = self._holder.swap()
        digest = self._holder.current.digest
        self._on_reload(result.error is None)
        if result.error is not None:
            log.error(
                "configuration refused, the old one stays",
                extra={"config": digest, "problems": "; ".join(result.error.problems)},
            )
        else:
            log.info("configuration loaded", extra={"config": digest, "changed": result.changed})
        self._publish()
        refused = " (a newer one was refused: see the log)" if result.error else ""
        tell(f"READY=1\nSTATUS=serving configuration {digest}{refused}")

    def reload_all(self) -> Mapping[str, Any]:
        """Reload every worker; return once all run the new configuration.

        Raises
        ------
        ConfigError
            The configuration cannot be used; no worker was touched.
        """
        fresh = self._check()
        if self._is_managed:
            os.kill(os.getppid(), signal.SIGHUP)
            behind = self._wait_for(fresh.digest)
        else:
            self.reload()
            behind = []
        if behind:
            pids = ", ".join(map(str, behind))
            message = f"workers that do not run the new configuration yet: {pids}"
            return {"status": "error", "message": message}
        return {
            "status": "success",
            "message": f"configuration {fresh.digest} is in use",
            "backends_count": len(fresh.accounts),
            "models_count": fresh.listed_models,
        }

    def _wait_for(self, digest: str) -> list[int]:
        """Wait until every worker runs `digest`; return the pids that do not."""
        until_s = time.monotonic() + _AGREE_WITHIN_S
        while True:
            running = self._digests()
            behind = [pid for pid, runs in running.items() if runs != digest]
            if (running and not behind) or time.monotonic() > until_s:
                return behind
            gevent.sleep(_POLL_S)

    def _digests(self) -> dict[int, str]:
        """Return what each living worker runs."""
        found: dict[int, str] = {}
        for path in self._directory.glob("*.json"):
            try:
                pid = int(path.stem)
                os.kill(pid, 0)
                found[pid] = orjson.loads(path.read_bytes())["config"]
            except (OSError, ValueError, KeyError):
                continue  # ended, or just being written
        return found

    def _publish(self) -> None:
        """Write what this worker runs, by rename."""
        path = self._directory / f"{os.getpid()}.json"
        draft = path.with_suffix(".tmp")
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(orjson.dumps({"config": self._holder.current.digest}))
            draft.replace(path)
        except OSError as exc:
            log.warning("worker state cannot be written", extra={"error": exc.strerror})


def in_background(work: Callable[[], None], every_s: float) -> gevent.Greenlet:
    """Call `work` now and then every `every_s`, beside the requests."""

    def loop() -> None:
        while True:
            work()
            gevent.sleep(every_s)

    return gevent.spawn(loop)
