"""This module tells systemd how the service does: sd_notify(3), without the library."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

VARIABLE = "ROUTER_NOTIFY_SOCKET"
"""Where ``config/gunicorn.conf.py`` keeps ``NOTIFY_SOCKET``, out of gunicorn's sight."""


def tell(state: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send a state, as ``READY=1``; return whether systemd was there to take it.

    A service that cannot tell must still serve, so no failure is raised.
    """
    address = environ.get(VARIABLE, "")
    if not address.startswith(("/", "@")):
        return False
    # A leading @ stands for the zero byte of Linux' abstract names.
    address = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(state.encode(), address)
    except OSError:
        return False
    return True
