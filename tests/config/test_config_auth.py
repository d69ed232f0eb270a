from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import pytest

from router.config.auth import key_digest
from router.config.snapshot import Snapshot

Load = Callable[..., Snapshot]
SECRET = "0123456789abcdef0123456789abcdef"
FILE = "models: [m]\naccounts: [{name: a, base_url: http://a}]\n"


def test_without_anything_auth_is_off_and_not_explicitly_open(load_text: Load) -> None:
    auth = load_text(None).auth
    assert (auth.required, auth.explicitly_open, auth.keys, auth.oauth) == (False, False, {}, None)


@pytest.mark.parametrize(
    "env",
    [
        {"INGRESS_API_KEYS": "k1,k2"},
        {"ROUTER_ADMIN_API_KEYS": "k"},
        {"OAUTH_ENABLED": "true", "OAUTH_JWT_SECRET": SECRET, "OAUTH_AUDIENCE": "a"},
    ],
)
def test_any_key_or_oauth_switches_auth_on(env: Mapping[str, str], load_text: Load) -> None:
    assert load_text(None, env=env).auth.required


def test_only_an_explicit_false_leaves_it_off_with_a_warning(load_text: Load, notes_of) -> None:
    snapshot = load_text(None, env={"INGRESS_API_KEYS": "k", "INGRESS_AUTH_REQUIRED": "false"})
    assert (snapshot.auth.required, snapshot.auth.explicitly_open) == (False, True)
    warnings = [n for n in notes_of(snapshot, "warning") if n.path == "INGRESS_AUTH_REQUIRED"]
    assert "although keys are configured" in warnings[0].message


def test_required_without_any_key_is_refused(problems_of: Callable[..., str]) -> None:
    problems = problems_of(None, env={"INGRESS_AUTH_REQUIRED": "true"})
    assert "INGRESS_AUTH_REQUIRED: is true, but there is no key" in problems


def test_keys_are_kept_by_digest_and_admin_rights_stay(load_text: Load) -> None:
    keys = load_text(
        None, env={"INGRESS_API_KEYS": "both,plain,schlüssel", "ROUTER_ADMIN_API_KEYS": "both"}
    ).auth.keys
    assert keys[key_digest("both")].is_admin
    assert not keys[key_digest("plain")].is_admin
    assert hashlib.sha256("schlüssel".encode()).digest() in keys
    assert len(keys) == 3


def test_yaml_keys_come_by_digest_variable_or_text(load_text: Load, notes_of) -> None:
    digest = hashlib.sha256(b"by-digest").hexdigest()
    text = f"""{FILE}
keys:
  - {{name: one, digest: "sha256:{digest}", models: [m, "gpt-*"]}}
  - {{name: two, key_env: TWO, admin: true}}
  - {{name: three, key: "${{THREE}}"}}
  - {{name: four, key_env: MISSING}}
"""
    snapshot = load_text(text, env={"TWO": "by-env", "THREE": "by-reference"})
    keys = snapshot.auth.keys
    assert keys[key_digest("by-digest")].models == ("m", "gpt-*")
    assert keys[key_digest("by-env")].is_admin
    assert keys[key_digest("by-reference")].name == "three"
    assert len(keys) == 3
    assert "MISSING is not set" in notes_of(snapshot, "error")[0].message


def test_a_key_that_is_missing_does_not_open_the_gateway(load_text: Load) -> None:
    auth = load_text(FILE + "keys: [{name: a, key_env: MISSING}]").auth
    assert auth.required
    assert auth.keys == {}


def oauth(**env: str) -> dict[str, str]:
    return {"OAUTH_ENABLED": "true", "OAUTH_AUDIENCE": "aud", "OAUTH_ISSUER": "https://iss", **env}


def test_jwks_come_from_the_issuer_and_rs256_is_the_default(load_text: Load) -> None:
    settings = load_text(None, env=oauth(OAUTH_ISSUER="https://iss/")).auth.oauth
    assert settings is not None
    assert settings.jwks_url == "https://iss/.well-known/jwks.json"
    assert settings.algorithms == ("RS256",)
    assert (settings.audience, settings.clock_skew_s) == ("aud", 30)


def test_a_secret_without_algorithms_means_hs256_and_no_jwks(load_text: Load) -> None:
    settings = load_text(None, env=oauth(OAUTH_JWT_SECRET=SECRET)).auth.oauth
    assert settings is not None
    assert (settings.algorithms, settings.jwks_url) == (("HS256",), None)
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"OAUTH_ENABLED": "true"}, "OAUTH_ENABLED: is true, but there is nothing to verify"),
        (oauth(OAUTH_ALGORITHMS="HS256"), "HS256 needs OAUTH_JWT_SECRET"),
        (oauth(OAUTH_ALGORITHMS="RS256,HS256"), "HS256 needs OAUTH_JWT_SECRET"),
        (oauth(OAUTH_JWT_SECRET=SECRET, OAUTH_JWKS_URL="https://k/jwks"), "do not go together"),
        (oauth(OAUTH_JWT_SECRET=SECRET, OAUTH_ALGORITHMS="RS256"), "cannot be verified with"),
        (oauth(OAUTH_JWT_SECRET=SECRET, OAUTH_ALGORITHMS="HS256,RS256"), "cannot be verified with"),
        (oauth(OAUTH_ALGORITHMS="none"), '"none" is not accepted'),
        (oauth(OAUTH_ALGORITHMS="RS265"), 'did you mean "RS256"'),
        (oauth(OAUTH_JWKS_URL="file:///etc/passwd"), "OAUTH_JWKS_URL: must start with http"),
    ],
)
def test_unsafe_oauth_settings_are_refused_at_start(
    env: Mapping[str, str], expected: str, problems_of: Callable[..., str]
) -> None:
    assert expected in problems_of(None, env=env)


def test_check_warns_of_a_missing_audience_a_short_secret_and_plain_http(
    load_text: Load, notes_of
) -> None:
    loose = load_text(None, env={"OAUTH_ENABLED": "true", "OAUTH_JWT_SECRET": "short"})
    paths = {note.path for note in notes_of(loose, "warning")}
    assert {"OAUTH_AUDIENCE", "OAUTH_ISSUER", "OAUTH_JWT_SECRET"} <= paths
    plain = load_text(None, env=oauth(OAUTH_JWKS_URL="http://keys.example/jwks"))
    assert "OAUTH_JWKS_URL" in {note.path for note in notes_of(plain, "warning")}
    tight = load_text(None, env=oauth(OAUTH_JWKS_URL="http://localhost/jwks"))
    assert {note.path for note in notes_of(tight, "warning")} == {"demo"}


def test_trusted_proxies_are_kept(load_text: Load) -> None:
    auth = load_text(None, env={"ROUTER_TRUSTED_PROXIES": "10.0.0.0/8"}).auth
    assert auth.trusted_proxies == ("10.0.0.0/8",)
