"""This module looks up hosts' names so that one silent name server does not hold everybody.

gevent looks names up in a pool of ten threads, addresses too, and the system gives up on a
name after 10 s or more: ten requests to a name that hangs kept every new connection of the
worker waiting. So addresses are not looked up, each name is looked up once at a time
however many wait for it, and the threads are our own.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import gevent
from gevent import monkey
from gevent.threadpool import ThreadPool
from urllib3.util.connection import allowed_gai_family

_MAX_THREADS = 64

LookUp = Callable[[str], tuple[str, ...]]


def look_up(name: str) -> tuple[str, ...]:
    """Ask the system for a name's addresses; blocks the thread that it runs in.

    Raises
    ------
    OSError
        The name has no address, or cannot be one.
    """
    getaddrinfo = monkey.get_original("socket", "getaddrinfo")
    try:
        found = getaddrinfo(name, None, allowed_gai_family(), socket.SOCK_STREAM)
    except UnicodeError as exc:  # an empty or overlong label
        raise socket.gaierror(socket.EAI_NONAME, "not a host's name") from exc
    return tuple(dict.fromkeys(entry[4][0] for entry in found))


class Names:
    """The addresses of names, looked up beside the event loop.

    Parameters
    ----------
    ask : callable
        Returns a name's addresses; runs in a thread of its own, and may block.
    """

    def __init__(self, ask: LookUp = look_up) -> None:
        self._ask = ask
        self._pool: ThreadPool | None = None  # made after the fork
        self._under_way: dict[str, Any] = {}

    def addresses(self, name: str) -> tuple[str, ...]:
        """Return a name's addresses, best first; an address is its own.

        Whoever waits may give up, by a timeout of its own; the look-up goes on for others.

        Raises
        ------
        OSError
            As `look_up`.

        Examples
        --------
        >>> Names().addresses("[::1]")
        ('::1',)
        """
        bare = name.strip("[]")
        if _is_address(bare):
            return (bare,)
        asked = self._under_way.get(bare)
        if asked is None:
            asked = self._under_way[bare] = gevent.spawn(self._find, bare)
        found = asked.get()
        if isinstance(found, OSError):
            raise found
        return tuple(found)

    def _find(self, name: str) -> tuple[str, ...] | OSError:
        """Look a name up in a thread; an error is returned, for each who waits to raise."""
        if self._pool is None:
            self._pool = ThreadPool(_MAX_THREADS)
        try:
            found: tuple[str, ...] | OSError = self._pool.apply(self._asked, (name,))
            return found
        finally:
            del self._under_way[name]

    def _asked(self, name: str) -> tuple[str, ...] | OSError:
        """Ask, in the thread; gevent would print what a thread raises."""
        try:
            return self._ask(name)
        except OSError as exc:
            return exc


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
