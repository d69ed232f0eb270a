"""This module finds the configured key that a caller presents."""

from __future__ import annotations

import hashlib

from router.canonical.principal import Principal
from router.config.snapshot import ClientKey, IngressAuth


def find_key(token: str, auth: IngressAuth) -> ClientKey | None:
    """Return the key whose digest is the token's, or None.

    The look-up compares SHA-256 digests, whose bytes a caller cannot steer, so its
    time tells nothing of the keys, however many there are.

    Parameters
    ----------
    token : str
        As WSGI hands header values over: one character a byte (latin-1).

    Examples
    --------
    >>> digest = hashlib.sha256("schlüssel".encode()).digest()
    >>> auth = IngressAuth(keys={digest: ClientKey("mine", digest)})
    >>> find_key("schlüssel".encode().decode("latin-1"), auth).name
    'mine'
    >>> find_key("other", auth) is None
    True
    """
    for digest in _digests(token):
        found = auth.keys.get(digest)
        if found is not None:
            return found
    return None


def principal_of(key: ClientKey) -> Principal:
    """Return the caller that a key stands for."""
    return Principal(
        id=key.name,
        method="key",
        models=key.models,
        is_admin=key.is_admin,
        speaks_for_users=key.speaks_for_users,
    )


def _digests(token: str) -> tuple[bytes, ...]:
    """Digests of the token's bytes, and of its text: clients differ in what they send.

    A UTF-8 key arrives as its bytes, one character each; a client that sent latin-1
    means the text.
    """
    as_text = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
    if token.isascii():
        return (as_text,)
    as_bytes = hashlib.sha256(token.encode("latin-1", "replace")).digest()
    return (as_bytes, as_text)
