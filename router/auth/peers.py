"""This module tells where a request came from, without believing strangers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

FORWARDING_HEADERS = (
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "cf-connecting-ip",
    "true-client-ip",
    "via",
)
"""Headers that betray a proxy in between, in lower case."""

_Address = IPv4Address | IPv6Address
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?")


def is_loopback(address: str) -> bool:
    """Tell whether an address is this machine's own; what is no address is not.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("::ffff:127.0.0.1"), is_loopback("10.0.0.1")
    (True, True, False)
    """
    parsed = _parse(address)
    return parsed is not None and parsed.is_loopback


def is_local_host(host: str) -> bool:
    """Tell whether a ``Host`` header names this machine: ``localhost`` or a loopback literal.

    A page on the web that points its own name at 127.0.0.1 (DNS rebinding) still sends
    that name here.

    Examples
    --------
    >>> [is_local_host(h) for h in ("localhost:8086", "[::1]", "evil.example", "localhost@evil")]
    [True, True, False, False]
    """
    match = _HOST.fullmatch(host.strip())
    if match is None:
        return False
    name = match["name"].lower().strip("[]")
    return name == "localhost" or is_loopback(name)


def client_address(
    peer: str, forwarded_for: str | Iterable[str] | None, trusted_proxies: Iterable[str]
) -> str:
    """Return the caller's address, believing ``X-Forwarded-For`` from trusted proxies only.

    Read from the right: each entry was added by the hop after it, so an entry counts
    only while every hop behind it is trusted.

    Parameters
    ----------
    peer : str
        The socket's other end.
    forwarded_for : str or iterable of str, optional
        Value or values of the header.
    trusted_proxies : iterable of str
        Networks in CIDR notation; what is no network is ignored.

    Examples
    --------
    >>> client_address("10.0.0.2", "6.6.6.6, 192.0.2.7, 10.0.0.9", ["10.0.0.0/8"])
    '192.0.2.7'
    >>> client_address("192.0.2.9", "127.0.0.1", ["10.0.0.0/8"])
    '192.0.2.9'
    """
    networks = _networks(tuple(trusted_proxies))
    values = (forwarded_for,) if isinstance(forwarded_for, str) else forwarded_for or ()
    hops = [hop for value in values for hop in value.split(",")]
    current = peer
    for hop in reversed(hops):
        address = _parse(current)
        if address is None or not any(address in network for network in networks):
            break
        claimed = _parse(_without_port(hop.strip()))
        if claimed is None:
            break
        current = str(claimed)
    return current


def _parse(address: str) -> _Address | None:
    """The address, an IPv4 one written as IPv6 unwrapped."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed


def _without_port(hop: str) -> str:
    """``1.2.3.4:5`` and ``[::1]:5`` as their addresses; some proxies add the port."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


@lru_cache(maxsize=8)
def _networks(cidrs: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks among `cidrs`; one that cannot be read trusts nobody."""
    found = []
    for cidr in cidrs:
        try:
            found.append(ip_network(cidr.strip(), strict=False))
        except ValueError:
            continue
    return tuple(found)
