"""Who may come in, by which header, and as whom."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from router.auth.guard import (
    ANONYMOUS,
    LOCAL,
    Admission,
    Credentials,
    Peer,
    authenticate,
    may_use,
    require_admin,
)
from router.canonical.principal import Principal
from router.config.snapshot import ClientKey, IngressAuth, OAuthIngress
from router.errors import AuthenticationFailed, PermissionDenied

JWT = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"
LOOPBACK = Peer("127.0.0.1", is_loopback=True, host="localhost:8086")
STRANGER = Peer("203.0.113.9", is_loopback=False, host="router.example")


def client_key(name: str, key: str, **more: Any) -> ClientKey:
    return ClientKey(name, hashlib.sha256(key.encode()).digest(), **more)


KEYS = {
    key.digest: key
    for key in (
        client_key("app", "sk-app"),
        client_key("team", "sk-team", models=("gpt-*",)),
        client_key("ops", "sk-ops", is_admin=True),
        client_key("umlaut", "schlüssel"),
    )
}
CLOSED = IngressAuth(required=True, keys=KEYS)
OPEN = IngressAuth(explicitly_open=True)
UNSET = IngressAuth()
OAUTH = IngressAuth(required=True, keys=KEYS, oauth=OAuthIngress(("RS256",)))


def no_jwt(_: str) -> Principal:
    raise AssertionError("no JWT is to be verified")


def jwt_of(name: str) -> Callable[[str], Principal]:
    return lambda token: Principal(name, "jwt")


def admit(credentials: Credentials, auth: IngressAuth = CLOSED, peer: Peer = STRANGER) -> Admission:
    return authenticate(credentials, auth, peer, no_jwt)


@pytest.mark.parametrize(
    ("credentials", "header"),
    [
        (Credentials(authorization=("Bearer sk-app",)), "authorization"),
        (Credentials(authorization=("bearer   sk-app ",)), "authorization"),
        (Credentials(authorization=("BEARER sk-app",)), "authorization"),
        (Credentials(x_api_key="sk-app"), "x-api-key"),
        (Credentials(x_goog_api_key="sk-app"), "x-goog-api-key"),
        (Credentials(x_router_key="sk-app"), "x-router-key"),
    ],
)
def test_a_key_is_taken_from_each_header(credentials: Credentials, header: str) -> None:
    admission = admit(credentials)
    assert admission.principal == Principal("app", "key")
    assert admission.credential_header == header
    assert admission.withheld_headers == {header}


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(),
        Credentials(authorization=("",)),
        Credentials(authorization=("Bearer",)),
        Credentials(authorization=("Bearer ",)),
        Credentials(authorization=("sk-app",)),
        Credentials(authorization=("Basic c2stYXBw",)),
        Credentials(authorization=("Bearersk-app",)),
        Credentials(x_api_key="  "),
    ],
)
def test_nothing_usable_is_a_missing_token(credentials: Credentials) -> None:
    with pytest.raises(AuthenticationFailed, match="Missing Bearer token"):
        admit(credentials)


@pytest.mark.parametrize("wrong", ["sk-wrong", "sk-ap", "sk-app2", "clé", "\udcff", "sk-app\x00"])
def test_a_wrong_key_is_401_and_never_echoed(wrong: str) -> None:
    for credentials in (
        Credentials(authorization=(f"Bearer {wrong}",)),
        Credentials(x_api_key=wrong),
        Credentials(x_router_key=wrong),
    ):
        with pytest.raises(AuthenticationFailed) as caught:
            admit(credentials)
        assert caught.value.message == "Invalid API key."
        assert "WWW-Authenticate" in caught.value.headers
        assert wrong not in repr(credentials)


@pytest.mark.parametrize(
    "values",
    [
        ("Bearer sk-app", "Bearer sk-app"),
        ("Bearer sk-app", "Basic x"),
        ("Bearer sk-app", ""),
        ("Bearer sk-wrong,Bearer sk-app",),
        ("Bearer sk-app, Bearer sk-app",),
        ("Basic x,Bearer sk-app",),
    ],
)
@pytest.mark.parametrize("auth", [CLOSED, OPEN, UNSET])
def test_two_authorization_headers_are_401(values: tuple[str, ...], auth: IngressAuth) -> None:
    with pytest.raises(AuthenticationFailed, match="More than one"):
        admit(Credentials(authorization=values), auth, LOOPBACK)


def test_a_key_in_utf8_matches_as_wsgi_shows_it() -> None:
    seen = "schlüssel".encode().decode("latin-1")
    assert admit(Credentials(authorization=(f"Bearer {seen}",))).principal.id == "umlaut"


def test_with_a_router_key_the_other_headers_are_the_providers() -> None:
    admission = admit(
        Credentials(authorization=("Bearer sk-ant-mine",), x_api_key="x", x_router_key="sk-app")
    )
    assert admission.credential_header == "x-router-key"
    assert admission.withheld_headers == {"x-router-key"}


def test_a_wrong_router_key_is_not_healed_by_another_header() -> None:
    with pytest.raises(AuthenticationFailed, match="Invalid API key"):
        admit(Credentials(authorization=("Bearer sk-app",), x_router_key="sk-wrong"))


def test_every_header_with_a_key_of_ours_is_withheld() -> None:
    admission = admit(
        Credentials(authorization=("Bearer sk-team",), x_api_key="sk-ops", x_router_key="sk-app")
    )
    assert admission.principal.id == "app"
    assert admission.withheld_headers == {"authorization", "x-api-key", "x-router-key"}


def test_a_valid_key_beside_a_dummy_one_counts() -> None:
    admission = admit(Credentials(authorization=("Bearer dummy",), x_api_key="sk-app"))
    assert (admission.principal.id, admission.credential_header) == ("app", "x-api-key")
    assert admission.withheld_headers == {"x-api-key"}


def test_a_jwt_is_verified_where_oauth_is_configured() -> None:
    sent = Credentials(authorization=(f"Bearer {JWT}",), x_api_key=JWT)
    admission = authenticate(sent, OAUTH, STRANGER, jwt_of("alice"))
    assert admission.principal == Principal("alice", "jwt")
    assert admission.credential_header == "authorization"
    assert admission.withheld_headers == {"authorization", "x-api-key"}


def test_a_jwt_is_just_a_wrong_key_without_oauth() -> None:
    with pytest.raises(AuthenticationFailed, match="Invalid API key"):
        admit(Credentials(authorization=(f"Bearer {JWT}",)))


def test_keys_work_beside_oauth_without_any_verification() -> None:
    sent = Credentials(authorization=("Bearer sk-app",))
    assert authenticate(sent, OAUTH, STRANGER, no_jwt).principal.id == "app"


def test_what_is_no_jwt_is_not_verified() -> None:
    with pytest.raises(AuthenticationFailed, match="Invalid API key"):
        authenticate(Credentials(x_api_key="sk-other"), OAUTH, STRANGER, no_jwt)


def test_a_required_key_is_required_of_loopback_too() -> None:
    with pytest.raises(AuthenticationFailed):
        admit(Credentials(), CLOSED, LOOPBACK)


@pytest.mark.parametrize(
    "peer",
    [
        LOOPBACK,
        Peer("127.0.0.1", is_loopback=True, host=None),
        Peer("::1", is_loopback=True, host="[::1]:8086"),
        Peer("127.0.0.1", is_loopback=True, host="127.0.0.1"),
    ],
)
def test_without_keys_this_machine_is_served(peer: Peer) -> None:
    admission = admit(Credentials(authorization=("Bearer anything",)), UNSET, peer)
    assert admission == Admission(LOCAL)
    assert not admission.principal.is_admin


@pytest.mark.parametrize(
    "peer",
    [
        STRANGER,
        Peer("203.0.113.9", is_loopback=False, host="localhost"),
        Peer("127.0.0.1", is_loopback=True, forwarded=True, host="localhost"),
        Peer("127.0.0.1", is_loopback=True, host="evil.example"),
        Peer("127.0.0.1", is_loopback=True, host="localhost", has_origin=True),
    ],
)
def test_without_keys_everybody_else_is_403_with_the_remedy(peer: Peer) -> None:
    with pytest.raises(PermissionDenied, match="INGRESS_API_KEYS"):
        admit(Credentials(), UNSET, peer)


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (LOOPBACK, LOCAL),
        (STRANGER, ANONYMOUS),
        (Peer("127.0.0.1", is_loopback=True, host="evil.example"), ANONYMOUS),
        (Peer("127.0.0.1", is_loopback=True, forwarded=True), ANONYMOUS),
    ],
)
def test_explicitly_open_serves_all_and_knows_who_is_local(peer: Peer, expected: Principal) -> None:
    assert admit(Credentials(), OPEN, peer).principal == expected


def test_a_key_identifies_its_holder_where_none_is_needed() -> None:
    auth = IngressAuth(explicitly_open=True, keys=KEYS)
    assert admit(Credentials(x_api_key="sk-ops"), auth).principal.is_admin
    assert admit(Credentials(x_api_key="wrong"), auth).principal == ANONYMOUS


@pytest.mark.parametrize(
    ("principal", "auth", "may"),
    [
        (Principal("ops", "key", is_admin=True), CLOSED, True),
        (Principal("app", "key"), CLOSED, False),
        (Principal("local", "jwt"), OAUTH, False),
        (LOCAL, UNSET, True),
        (LOCAL, OPEN, True),
        (ANONYMOUS, OPEN, False),
        (LOCAL, IngressAuth(explicitly_open=True, keys=KEYS), False),
        (LOCAL, IngressAuth(explicitly_open=True, oauth=OAuthIngress(("RS256",))), False),
        (Principal("local", "jwt"), UNSET, False),
    ],
)
def test_admin_needs_an_admin_key_or_an_unguarded_local_machine(
    principal: Principal, auth: IngressAuth, may: bool
) -> None:
    if may:
        require_admin(principal, auth)
        return
    with pytest.raises(PermissionDenied, match="ROUTER_ADMIN_API_KEYS"):
        require_admin(principal, auth)


@pytest.mark.parametrize(
    ("models", "model", "expected"),
    [
        ((), "anything", True),
        (("gpt-4o",), "gpt-4o", True),
        (("gpt-4o",), "GPT-4o", False),
        (("gpt-4o",), "openai/gpt-4o", True),
        (("gpt-4o",), "azure/eu/gpt-4o", False),
        (("openai/*",), "openai/gpt-4o", True),
        (("openai/*",), "gpt-4o", False),
        (("*",), "a/b", True),
        (("claude-*", "o3"), "o3-mini", False),
        (("gpt-[45]*",), "gpt-5", True),
        (("",), "gpt/", False),
        (("gpt*",), "", False),
    ],
)
def test_a_keys_model_list(models: tuple[str, ...], model: str, expected: bool) -> None:
    assert may_use(Principal("x", "key", models), model) is expected
