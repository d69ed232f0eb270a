"""Issuers' keys are fetched seldom, chosen strictly, and kept while the issuer is down."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from router.auth.jwks import REFETCH_PAUSE_S, TTL_S, JwksCache, jwks_url, parse_jwks
from router.config.snapshot import OAuthIngress

URL = "https://id.example/jwks"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def jwk(key: Any, **members: Any) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        plain = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        plain = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        plain = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    plain.pop("key_ops", None)
    return {**plain, **members}


def jwks(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(entries)}).encode()


class Issuer:
    """A fetcher that counts, and can be down."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.calls: list[str] = []
        self.down: Exception | None = None

    def __call__(self, url: str) -> bytes:
        self.calls.append(url)
        if self.down is not None:
            raise self.down
        return self.body


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def cache_of(body: bytes) -> tuple[JwksCache, Issuer, Clock]:
    issuer, clock = Issuer(body), Clock()
    return JwksCache(issuer, clock), issuer, clock


def test_keys_are_fetched_once_and_cached() -> None:
    cache, issuer, clock = cache_of(jwks(jwk(RSA_KEY, kid="a")))
    for _ in range(50):
        assert len(cache.find(URL, "a", "RS256")) == 1
        clock.now_s += 1
    assert issuer.calls == [URL]


def test_stale_keys_are_fetched_again() -> None:
    cache, issuer, clock = cache_of(jwks(jwk(RSA_KEY, kid="a")))
    cache.find(URL, "a", "RS256")
    clock.now_s += TTL_S
    issuer.body = jwks(jwk(RSA_KEY, kid="b"))
    assert cache.find(URL, "a", "RS256") == ()
    assert len(cache.find(URL, "b", "RS256")) == 1
    assert len(issuer.calls) == 2


def test_unknown_key_ids_cause_at_most_one_fetch_in_the_pause() -> None:
    cache, issuer, clock = cache_of(jwks(jwk(RSA_KEY, kid="a")))
    cache.find(URL, "a", "RS256")
    clock.now_s += REFETCH_PAUSE_S
    for n in range(50):
        assert cache.find(URL, f"unknown-{n}", "RS256") == ()
    assert len(issuer.calls) == 2
    clock.now_s += REFETCH_PAUSE_S - 0.1
    cache.find(URL, "unknown", "RS256")
    assert len(issuer.calls) == 2
    clock.now_s += 0.2
    cache.find(URL, "unknown", "RS256")
    assert len(issuer.calls) == 3


def test_a_rotated_key_is_found_by_its_unknown_id() -> None:
    cache, issuer, clock = cache_of(jwks(jwk(RSA_KEY, kid="old")))
    cache.find(URL, "old", "RS256")
    issuer.body = jwks(jwk(RSA_KEY, kid="old"), jwk(EC_KEY, kid="new"))
    clock.now_s += REFETCH_PAUSE_S
    assert len(cache.find(URL, "new", "ES256")) == 1


@pytest.mark.parametrize(
    "failure", [OSError("refused"), ValueError("not JSON"), TimeoutError("slow")]
)
def test_an_issuer_that_is_down_leaves_the_known_keys_in_use(failure: Exception) -> None:
    cache, issuer, clock = cache_of(jwks(jwk(RSA_KEY, kid="a")))
    cache.find(URL, "a", "RS256")
    issuer.down = failure
    clock.now_s += 100 * TTL_S
    for _ in range(20):
        assert len(cache.find(URL, "a", "RS256")) == 1
    assert len(issuer.calls) == 2


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"keys":{}}', b'{"keys":[]}', b"x" * 2**21])
def test_a_bad_answer_does_not_replace_known_keys(body: bytes) -> None:
    cache, issuer, clock = cache_of(jwks(jwk(RSA_KEY, kid="a")))
    cache.find(URL, "a", "RS256")
    issuer.body = body
    clock.now_s += TTL_S
    assert len(cache.find(URL, "a", "RS256")) == 1


def test_an_issuer_that_was_never_up_is_asked_again_after_the_pause() -> None:
    cache, issuer, clock = cache_of(jwks(jwk(RSA_KEY, kid="a")))
    issuer.down = OSError("refused")
    assert cache.find(URL, "a", "RS256") == ()
    issuer.down = None
    assert cache.find(URL, "a", "RS256") == ()
    clock.now_s += REFETCH_PAUSE_S
    assert len(cache.find(URL, "a", "RS256")) == 1


def test_callers_at_a_cold_start_share_one_fetch() -> None:
    started, may_answer = threading.Event(), threading.Event()
    calls: list[str] = []

    def slow(url: str) -> bytes:
        calls.append(url)
        started.set()
        may_answer.wait(10)
        return jwks(jwk(RSA_KEY, kid="a"))

    cache = JwksCache(slow, Clock())
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(len(cache.find(URL, "a", "RS256"))))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    started.wait(10)
    may_answer.set()
    for thread in threads:
        thread.join(10)
    assert found == [1] * 5
    assert len(calls) == 1


def test_a_caller_with_a_known_key_does_not_wait_for_a_refresh() -> None:
    clock = Clock()
    inside: list[Callable[[], bytes]] = []
    cache: JwksCache

    def fetch(url: str) -> bytes:
        # The second fetch finds the cache asked by somebody else meanwhile.
        return inside.pop()() if inside else jwks(jwk(RSA_KEY, kid="a"))

    cache = JwksCache(fetch, clock)
    cache.find(URL, "a", "RS256")
    clock.now_s += TTL_S
    seen: list[int] = []

    def asked_meanwhile() -> bytes:
        seen.append(len(cache.find(URL, "a", "RS256")))
        return jwks(jwk(RSA_KEY, kid="a"))

    inside.append(asked_meanwhile)
    assert len(cache.find(URL, "a", "RS256")) == 1
    assert seen == [1]


def test_urls_do_not_share_keys() -> None:
    cache, issuer, _ = cache_of(jwks(jwk(RSA_KEY, kid="a")))
    cache.find(URL, "a", "RS256")
    cache.find("https://other.example/jwks", "a", "RS256")
    assert issuer.calls == [URL, "https://other.example/jwks"]


@pytest.mark.parametrize(
    "entry",
    [
        jwk(RSA_KEY, kid="a", use="enc"),
        jwk(RSA_KEY, kid="a", key_ops=["encrypt"]),
        jwk(RSA_KEY, kid="a", key_ops="verify"),
        jwk(RSA_KEY, kid="a", alg="RSA-OAEP"),
        jwk(RSA_KEY, kid="a", alg="HS256"),
        jwk(RSA_KEY, kid=["a"]),
        jwk(ED_KEY, kid="a", crv="X25519"),
        json.loads(RSAAlgorithm.to_jwk(RSA_KEY)) | {"kid": "a", "key_ops": ["verify"]},
        jwk(rsa.generate_private_key(public_exponent=65537, key_size=1024), kid="a"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "a"},
        {"kty": "RSA", "kid": "a"},
        {"kty": "EC", "crv": "P-256", "x": "!!", "y": "!!", "kid": "a"},
        {"kty": 7, "kid": "a"},
        {},
    ],
)
def test_keys_that_are_not_for_signatures_are_left_out(entry: dict[str, Any]) -> None:
    assert parse_jwks(jwks(entry)) == ()


def test_other_keys_survive_a_bad_neighbour() -> None:
    body = json.dumps({"keys": [None, 3, {"kty": "oct"}, jwk(RSA_KEY, kid="a")]}).encode()
    assert [key.kid for key in parse_jwks(body)] == ["a"]


def test_types_and_the_named_algorithm_bound_what_a_key_verifies() -> None:
    keys = parse_jwks(
        jwks(
            jwk(RSA_KEY, kid="any"),
            jwk(RSA_KEY, kid="one", alg="PS256"),
            jwk(EC_KEY, kid="ec"),
            jwk(ED_KEY, kid="ed"),
        )
    )
    assert {key.kid: key.algorithms for key in keys} == {
        "any": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
        "one": ("PS256",),
        "ec": ("ES256",),
        "ed": ("EdDSA",),
    }


def test_a_token_without_key_id_needs_a_single_fitting_key() -> None:
    one, _, _ = cache_of(jwks(jwk(RSA_KEY, kid="a"), jwk(EC_KEY, kid="b")))
    assert len(one.find(URL, None, "RS256")) == 1
    two, _, _ = cache_of(jwks(jwk(RSA_KEY, kid="a"), jwk(RSA_KEY, kid="b")))
    assert two.find(URL, None, "RS256") == ()


def test_the_url_is_configured_or_the_issuers_well_known_one() -> None:
    assert jwks_url(OAuthIngress(("RS256",), issuer="https://a", jwks_url="https://b")) == (
        "https://b"
    )
    assert jwks_url(OAuthIngress(("RS256",), issuer="https://a")) == (
        "https://a/.well-known/jwks.json"
    )
    assert jwks_url(OAuthIngress(("RS256",))) is None
