"""This module checks where accounts point, and takes endpoint paths off their URLs."""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import SplitResult, urlsplit, urlunsplit

# Services that hand credentials to whoever asks from inside a cloud machine.
_METADATA_HOSTS = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data"}
)
_METADATA_ADDRESSES = frozenset(
    ipaddress.ip_address(address)
    for address in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
_ENDPOINTS = re.compile(
    r"(/openai/deployments/[^/]+)?"
    r"/(chat/completions|completions|embeddings|responses|messages|images/generations"
    r"|models/[^/]+:[A-Za-z]+)$"
    r"|/openai/deployments/[^/]+$"
)


class BadAddress(ValueError):
    """The address cannot be used; the message says the remedy and repeats no credential."""


def checked_base_url(text: str, *, allow_link_local: bool = False) -> str:
    """Return an address as providers take it: no endpoint path, no trailing slash.

    Host names are not resolved here; a name that leads to a link-local address is the
    transport's to refuse.

    Raises
    ------
    BadAddress
        Not http(s), no host, a user or password, a query or fragment, or the address of
        a cloud's metadata service.

    Examples
    --------
    >>> checked_base_url("https://api.x.ai/v1/chat/completions")
    'https://api.x.ai/v1'
    >>> checked_base_url("http://localhost:11434/")
    'http://localhost:11434'
    """
    parts = _split(text)
    if parts.query or parts.fragment:
        raise BadAddress("must not carry a query or fragment; end it at the path")
    host = parts.hostname or ""
    if not allow_link_local and is_link_local(host):
        raise BadAddress(
            f'"{host}" is a link-local or metadata address; '
            "set allow_link_local: true if it is meant"
        )
    path = parts.path.rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, _ENDPOINTS.sub("", path), "", ""))


def take_api_version(text: str) -> tuple[str, str | None]:
    """Split Azure's ``?api-version=…`` off an address.

    Examples
    --------
    >>> take_api_version("https://eu.openai.azure.com/?api-version=2024-10-21")
    ('https://eu.openai.azure.com/', '2024-10-21')
    """
    address, _, query = text.partition("?")
    match = re.fullmatch(r"api-version=([\w.-]+)", query)
    return (address, match[1]) if match else (text, None)


def host_of(url: str) -> str:
    """Return the lower-case host of an address; empty where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_link_local(host: str) -> bool:
    """Tell whether a host, as written, is link-local or a cloud's metadata service.

    Examples
    --------
    >>> is_link_local("169.254.169.254"), is_link_local("2852039166"), is_link_local("10.0.0.1")
    (True, True, False)
    """
    name = host.rstrip(".").lower()
    address = _address(name)
    if address is None:
        return name in _METADATA_HOSTS or name.endswith(".ec2.internal")
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_link_local or address in _METADATA_ADDRESSES


def ollama_base_url(host: str) -> str:
    """Return the address that ``OLLAMA_HOST`` means; Ollama itself takes a bare host too.

    Examples
    --------
    >>> ollama_base_url("0.0.0.0")
    'http://127.0.0.1:11434'
    >>> ollama_base_url("gpu:8080")
    'http://gpu:8080'
    """
    url = host.strip() if "://" in host else f"http://{host.strip()}"
    parts = _split(url)
    # The server's listening address, which nothing can be sent to.
    name = "127.0.0.1" if parts.hostname in ("0.0.0.0", "::") else parts.hostname or ""  # noqa: S104
    name = f"[{name}]" if ":" in name else name
    default = {"http": "11434", "https": "443"}[parts.scheme]
    port = parts.port or default
    return checked_base_url(f"{parts.scheme}://{name}:{port}{parts.path}")


def _split(text: str) -> SplitResult:
    """Return the parts of an http(s) address without credentials."""
    if re.search(r"[\s\x00-\x1f\x7f\\]", text):
        raise BadAddress("must not hold blanks, control characters or backslashes")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as exc:
        raise BadAddress("is not a URL; write it as https://host[:port][/path]") from exc
    if parts.username is not None or parts.password is not None:
        raise BadAddress("must not carry a user or password; put the credential in api_key")
    if parts.scheme not in ("http", "https"):
        raise BadAddress("must start with http:// or https://")
    if not parts.hostname or port == 0:
        raise BadAddress("names no host; write it as https://host[:port][/path]")
    return parts


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host name spells, in any of the forms resolvers take."""
    try:
        return ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        pass
    try:
        # Also 2852039166, 0xa9fea9fe and 169.254.43518, as libc's resolver reads them.
        return ipaddress.IPv4Address(socket.inet_aton(name))
    except (OSError, UnicodeError):
        return None
