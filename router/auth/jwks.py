"""This module keeps the issuer's public keys: fetched once, cached, served stale."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from router.config.snapshot import OAuthIngress
from router.errors import RouterError

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey

TTL_S = 300.0
"""How long fetched keys count as fresh."""
REFETCH_PAUSE_S = 10.0
"""The least time between two fetches of one URL, whatever tokens name."""

_MAX_JWKS_BYTES = 1024 * 1024
_MAX_KEYS = 100
_MIN_RSA_BITS = 2048
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_EC = {
    "secp256r1": ("ES256",),
    "secp384r1": ("ES384",),
    "secp521r1": ("ES512",),
    "secp256k1": ("ES256K",),
}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key that an issuer signs with.

    Attributes
    ----------
    algorithms : tuple of str
        What it may verify: the one that the issuer names, else all of its type.
    """

    kid: str | None
    algorithms: tuple[str, ...]
    key: PublicKey


class KeySource(Protocol):
    """Where `router.auth.jwt.verify` gets public keys from."""

    def find(self, url: str, kid: str | None, algorithm: str) -> tuple[PublicKey, ...]:
        """Return the keys that may have signed; empty where there is none."""
        ...


def jwks_url(oauth: OAuthIngress) -> str | None:
    """Return where the keys are: as configured, else at the issuer's well-known place.

    Examples
    --------
    >>> jwks_url(OAuthIngress(("RS256",), issuer="https://id.example/"))
    'https://id.example/.well-known/jwks.json'
    """
    if oauth.jwks_url:
        return oauth.jwks_url
    if oauth.issuer:
        return oauth.issuer.rstrip("/") + "/.well-known/jwks.json"
    return None


def parse_jwks(body: bytes) -> tuple[SigningKey, ...]:
    """Return the usable signing keys of a JWK set (RFC 7517); others are left out.

    Left out are keys for encryption, symmetric and private ones (published, they
    protect nothing), RSA below 2048 bits, and types that we do not know.

    Raises
    ------
    ValueError
        Not a JWK set, or too large to be one.
    """
    if len(body) > _MAX_JWKS_BYTES:
        raise ValueError("the JWK set is larger than 1 MiB")
    document = orjson.loads(body)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError('the JWK set has no "keys" list')
    found = (_signing_key(entry) for entry in entries[:_MAX_KEYS] if isinstance(entry, dict))
    return tuple(key for key in found if key is not None)


def _signing_key(entry: Mapping[str, Any]) -> SigningKey | None:
    """The key of one JWK, or None where it is not for verifying signatures."""
    operations = entry.get("key_ops")
    if entry.get("use", "sig") != "sig" or "d" in entry:
        return None
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):
        return None
    try:
        key = _public_key(entry)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    algorithms = _algorithms_of(key) if key is not None else ()
    named = entry.get("alg")
    if named is not None:
        algorithms = tuple(algorithm for algorithm in algorithms if algorithm == named)
    kid = entry.get("kid")
    if key is None or not algorithms or not isinstance(kid, str | None):
        return None
    return SigningKey(kid, algorithms, key)


def _public_key(entry: Mapping[str, Any]) -> PublicKey | None:
    """The cryptographic key, by type; never ``oct``."""
    members = dict(entry)
    match members.get("kty"):
        case "RSA":
            key: object = RSAAlgorithm.from_jwk(members)
        case "EC":
            key = ECAlgorithm.from_jwk(members)
        case "OKP":
            key = OKPAlgorithm.from_jwk(members)
        case _:
            return None
    return key if isinstance(key, PublicKey) else None


def _algorithms_of(key: PublicKey) -> tuple[str, ...]:
    """The JWS algorithms (RFC 7518, 8037) that a key is fit for."""
    if isinstance(key, RSAPublicKey):
        return _RSA if key.key_size >= _MIN_RSA_BITS else ()
    if isinstance(key, EllipticCurvePublicKey):
        return _EC.get(key.curve.name, ())
    return ("EdDSA",)


@dataclass(slots=True)
class _Entry:
    """What is known of one URL."""

    keys: tuple[SigningKey, ...] = ()
    fresh_until_s: float = float("-inf")
    no_fetch_until_s: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)

    def usable(self, kid: str | None, algorithm: str) -> tuple[PublicKey, ...]:
        """Keys with this id; without an id, the only key that fits, as no other is meant."""
        fitting = [key for key in self.keys if algorithm in key.algorithms]
        if kid is None:
            return (fitting[0].key,) if len(fitting) == 1 else ()
        return tuple(key.key for key in fitting if key.kid == kid)


class JwksCache:
    """Public keys by URL, for one worker.

    A fetch takes place where there are no keys yet, where they are older than `TTL_S`,
    and where a token names an unknown key; never twice within `REFETCH_PAUSE_S`. While
    the issuer is down, the keys it last published stay in use.

    Parameters
    ----------
    fetch : callable
        Body of a URL, within a deadline of its own; may raise OSError, ValueError or
        RouterError.
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, fetch: Callable[[str], bytes], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    def find(self, url: str, kid: str | None, algorithm: str) -> tuple[PublicKey, ...]:
        """Return the keys that may have signed a token; empty where there is none."""
        entry = self._entries.setdefault(url, _Entry())
        usable = entry.usable(kid, algorithm)
        if usable and self._clock() < entry.fresh_until_s:
            return usable
        # Whoever has no key waits for a fetch under way; whoever has one goes on with it.
        if entry.lock.acquire(blocking=not usable):
            try:
                self._refresh(url, entry, kid, algorithm)
            finally:
                entry.lock.release()
        return entry.usable(kid, algorithm)

    def _refresh(self, url: str, entry: _Entry, kid: str | None, algorithm: str) -> None:
        """Fetch, unless another has just done so, or the pause is not over."""
        now_s = self._clock()
        is_known = bool(entry.usable(kid, algorithm))
        if now_s < entry.no_fetch_until_s or (is_known and now_s < entry.fresh_until_s):
            return
        entry.no_fetch_until_s = now_s + REFETCH_PAUSE_S
        try:
            keys = parse_jwks(self._fetch(url))
        except (OSError, ValueError, RouterError):
            return
        if keys:
            entry.keys = keys
            entry.fresh_until_s = now_s + TTL_S
