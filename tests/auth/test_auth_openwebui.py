"""Who asks through Open-WebUI: believed where it is signed, or the key is trusted."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from router.auth.openwebui import Claimed, person_behind
from router.canonical.principal import Principal
from router.canonical.secret import Secret
from router.errors import AuthenticationFailed

SECRET = Secret("0123456789abcdef0123456789abcdef")
NOW_S = 1_000_000
KEY = Principal("chat", "key", models=("gpt-*",))
TRUSTED = Principal("chat", "key", models=("gpt-*",), speaks_for_users=True)
ADMIN = Principal("ops", "key", is_admin=True, speaks_for_users=True)


def signed(secret: Secret = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    claims = {"sub": "u-1", "email": "a@b.c", "iss": "open-webui", "iat": NOW_S, "exp": NOW_S + 300}
    claims |= changes
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, secret.value, algorithm=algorithm)


def test_a_genuine_jwt_names_the_person_with_the_keys_rights() -> None:
    person = person_behind(KEY, Claimed(jwt=signed()), SECRET, NOW_S)
    assert (person.id, person.key_name, person.models) == ("chat/u-1", "chat", ("gpt-*",))


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (signed(Secret("f" * 32)), "signature"),
        (signed(iss="somebody"), "issuer"),
        (signed(iss=None), "issuer"),
        (signed(exp=NOW_S - 31), "expired"),
        (signed(exp=None), "exp"),
        (signed(sub=None, email=None), "names nobody"),
        (signed(algorithm="HS512"), "algorithm"),
        (jwt.encode({"sub": "x", "iss": "open-webui", "exp": NOW_S + 9}, "", "none"), "algorithm"),
        ("no jwt", "not a signed JWT"),
    ],
)
@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_any_other_jwt_is_refused(token: str, told: str) -> None:
    with pytest.raises(AuthenticationFailed, match=f"X-OpenWebUI-User-Jwt: .*{told}"):
        person_behind(TRUSTED, Claimed(jwt=token), SECRET, NOW_S)


def test_plain_headers_count_from_trusted_keys_only() -> None:
    claimed = Claimed(user_id="u-1")
    assert person_behind(TRUSTED, claimed, None, NOW_S).id == "chat/u-1"
    assert person_behind(KEY, claimed, None, NOW_S) == KEY


def test_plain_headers_count_for_nothing_where_a_secret_is_shared() -> None:
    assert person_behind(TRUSTED, Claimed(user_id="u-1"), SECRET, NOW_S) == TRUSTED


def test_a_jwt_counts_for_nothing_without_a_secret() -> None:
    assert person_behind(TRUSTED, Claimed(jwt=signed()), None, NOW_S) == TRUSTED


@pytest.mark.parametrize("user_id", ["", "a b", "a/b", "ü", "x" * 129, "a\r\nb", "1, 2"])
def test_an_id_that_is_none_is_not_believed(user_id: str) -> None:
    assert person_behind(TRUSTED, Claimed(user_id=user_id), None, NOW_S) == TRUSTED


def test_a_person_is_never_an_administrator() -> None:
    assert not person_behind(ADMIN, Claimed(user_id="u-1"), None, NOW_S).is_admin


def test_a_caller_with_a_jwt_of_its_own_is_who_it_is() -> None:
    own = Principal("me", "jwt", speaks_for_users=True)
    assert person_behind(own, Claimed(jwt=signed()), SECRET, NOW_S) == own
