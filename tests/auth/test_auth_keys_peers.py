"""Keys are found by digest, and addresses believed only from where they may come."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.auth.keys import find_key, principal_of
from router.auth.peers import client_address, is_local_host, is_loopback
from router.canonical.principal import Principal
from router.config.snapshot import ClientKey, IngressAuth


def auth_with(*keys: str) -> IngressAuth:
    entries = [
        ClientKey(f"key-{n}", hashlib.sha256(key.encode()).digest()) for n, key in enumerate(keys)
    ]
    return IngressAuth(required=True, keys={entry.digest: entry for entry in entries})


@given(st.text(min_size=1))
def test_a_configured_key_is_found_however_the_client_encoded_it(key: str) -> None:
    auth = auth_with(key)
    as_wsgi_sees_utf8 = key.encode().decode("latin-1")
    assert find_key(key, auth) is not None
    assert find_key(as_wsgi_sees_utf8, auth) is not None


@given(st.text(alphabet=st.characters()))
def test_any_other_token_is_not_found_and_raises_nothing(token: str) -> None:
    assert find_key(token + "x", auth_with("sk-right")) is None


def test_lone_surrogates_in_a_token_are_just_a_wrong_key() -> None:
    assert find_key("\ud800", auth_with("sk-right")) is None


def test_principal_carries_name_models_and_admin_flag_never_the_digest() -> None:
    key = ClientKey("ops", b"\x01" * 32, ("gpt-*",), is_admin=True)
    assert principal_of(key) == Principal("ops", "key", ("gpt-*",), is_admin=True)
    assert "\\x01" not in repr(key)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("0.0.0.0", False),
        ("192.168.1.2", False),
        ("localhost", False),
        ("", False),
        ("127.0.0.1.evil.example", False),
        ("2130706433", False),
    ],
)
def test_loopback_addresses(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST:8086", True),
        ("127.0.0.1:1", True),
        ("[::1]:8086", True),
        ("[::1]", True),
        ("evil.example", False),
        ("evil.example:8086", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.nip.io", False),
        ("127.0.0.1@evil.example", False),
        ("evil.example#localhost", False),
        ("localhost:99999999", False),
        ("10.0.0.1", False),
        ("[::2]", False),
    ],
)
def test_only_names_of_this_machine_are_local_hosts(host: str, expected: bool) -> None:
    assert is_local_host(host) is expected


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "trusted", "expected"),
    [
        ("10.0.0.1", "203.0.113.9", ("10.0.0.0/8",), "203.0.113.9"),
        ("203.0.113.1", "198.51.100.1", ("10.0.0.0/8",), "203.0.113.1"),
        ("10.0.0.1", "127.0.0.1, 203.0.113.9", ("10.0.0.0/8",), "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.5", ("10.0.0.0/8",), "203.0.113.9"),
        ("10.0.0.1", "junk, 203.0.113.9, nonsense", ("10.0.0.0/8",), "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9:4711", ("10.0.0.0/8",), "203.0.113.9"),
        ("10.0.0.1", "[2001:db8::7]:4711", ("10.0.0.0/8",), "2001:db8::7"),
        ("::ffff:10.0.0.1", "203.0.113.9", ("10.0.0.0/8",), "203.0.113.9"),
        ("10.0.0.1", None, ("10.0.0.0/8",), "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9", (), "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9", ("not a network",), "10.0.0.1"),
        ("", "203.0.113.9", ("10.0.0.0/8",), ""),
    ],
)
def test_forwarded_addresses_count_only_behind_trusted_proxies(
    peer: str, forwarded_for: str | None, trusted: tuple[str, ...], expected: str
) -> None:
    assert client_address(peer, forwarded_for, trusted) == expected


def test_several_forwarded_headers_are_read_as_one_list() -> None:
    values = ["6.6.6.6, 203.0.113.9", "10.0.0.5"]
    assert client_address("10.0.0.1", values, ("10.0.0.0/8",)) == "203.0.113.9"
