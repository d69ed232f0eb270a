"""JWTs: genuine ones pass, and every attack of RFC 8725 fails."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from router.auth.jwks import PublicKey
from router.auth.jwt import MAX_TOKEN_BYTES, looks_like_jwt, verify
from router.canonical.principal import Principal
from router.canonical.secret import Secret
from router.config.snapshot import OAuthIngress
from router.errors import AuthenticationFailed, PermissionDenied

NOW_S = 1_800_000_000.0
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
SECRET = "a shared secret of more than thirty-two bytes"
OAUTH = OAuthIngress(
    ("RS256", "ES256", "EdDSA"), issuer="https://id.example", audience="router", clock_skew_s=30
)
CLAIMS: dict[str, Any] = {
    "iss": "https://id.example",
    "aud": "router",
    "sub": "alice",
    "exp": int(NOW_S) + 60,
}


class Keys:
    """The issuer's keys, by id."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None, str]] = []

    def find(self, url: str, kid: str | None, algorithm: str) -> tuple[PublicKey, ...]:
        self.asked.append((url, kid, algorithm))
        if (kid, algorithm) == ("rsa", "RS256"):
            return (RSA_KEY.public_key(),)
        if (kid, algorithm) == ("rotating", "RS256"):
            return (OTHER_KEY.public_key(), RSA_KEY.public_key())
        if (kid, algorithm) == ("ec", "ES256"):
            return (EC_KEY.public_key(),)
        if (kid, algorithm) == ("ed", "EdDSA"):
            return (ED_KEY.public_key(),)
        return ()


def token(
    claims: dict[str, Any] | None = None,
    key: Any = RSA_KEY,
    alg: str = "RS256",
    headers: dict[str, Any] | None = None,
) -> str:
    given = {"kid": "rsa"} if headers is None else headers
    return jwt.encode(CLAIMS if claims is None else claims, key, algorithm=alg, headers=given)


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in CLAIMS.items() if name not in names}


def b64(value: bytes | dict[str, Any]) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def hand_made(header: dict[str, Any] | bytes, payload: dict[str, Any] | bytes = CLAIMS) -> str:
    """A token with a genuine RS256 signature over whatever the parts say."""
    signing_input = f"{b64(header)}.{b64(payload)}"
    signature = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(
        signing_input.encode(), RSA_KEY
    )
    return f"{signing_input}.{b64(signature)}"


def check(text: str, oauth: OAuthIngress = OAUTH) -> Principal:
    return verify(text, oauth, Keys(), NOW_S)


@pytest.mark.parametrize(
    ("key", "alg", "kid"),
    [
        (RSA_KEY, "RS256", "rsa"),
        (RSA_KEY, "RS256", "rotating"),
        (EC_KEY, "ES256", "ec"),
        (ED_KEY, "EdDSA", "ed"),
    ],
)
def test_a_genuine_token_names_its_principal(key: Any, alg: str, kid: str) -> None:
    assert check(token(key=key, alg=alg, headers={"kid": kid})) == Principal("alice", "jwt")


def test_a_hand_made_token_passes_so_that_its_broken_siblings_fail_for_their_own_reason() -> None:
    assert check(hand_made({"alg": "RS256", "kid": "rsa"})).id == "alice"


def test_a_shared_secret_verifies_and_asks_nobody() -> None:
    keys = Keys()
    oauth = OAuthIngress(("HS256",), jwt_secret=Secret(SECRET))
    text = token({"sub": "bob", "exp": NOW_S + 1}, SECRET, "HS256")
    assert verify(text, oauth, keys, NOW_S) == Principal("bob", "jwt")
    assert keys.asked == []


def test_keys_are_sought_where_the_configuration_says() -> None:
    keys = Keys()
    verify(token(), OAUTH, keys, NOW_S)
    assert keys.asked == [("https://id.example/.well-known/jwks.json", "rsa", "RS256")]


RSA_PEM = RSA_KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def confused() -> str:
    """HS256 with the issuer's public key as the secret, which PyJWT refuses to sign."""
    signing_input = f"{b64({'alg': 'HS256', 'kid': 'rsa'})}.{b64(CLAIMS)}"
    signature = hmac.new(RSA_PEM, signing_input.encode(), hashlib.sha256).digest()
    return f"{signing_input}.{b64(signature)}"


ATTACKS = {
    "alg none": f"{b64({'alg': 'none'})}.{b64(CLAIMS)}.",
    "alg NONE": f"{b64({'alg': 'NoNe', 'kid': 'rsa'})}.{b64(CLAIMS)}.",
    "alg missing": hand_made({"kid": "rsa"}),
    "alg null": hand_made({"alg": None, "kid": "rsa"}),
    "alg list": hand_made({"alg": ["RS256"], "kid": "rsa"}),
    "alg not configured": token(alg="RS512"),
    "key confusion": confused(),
    "other key": token(key=OTHER_KEY),
    "unknown kid": token(headers={"kid": "else"}),
    "no kid among many": token(headers={}),
    "kid of another type": token(headers={"kid": "ec"}),
    "kid null": hand_made({"alg": "RS256", "kid": None}),
    "kid number": hand_made({"alg": "RS256", "kid": 1}),
    "kid list": hand_made({"alg": "RS256", "kid": ["rsa"]}),
    "kid empty": hand_made({"alg": "RS256", "kid": ""}),
    "kid path": hand_made({"alg": "RS256", "kid": "../../../../dev/null"}),
    "kid sql": hand_made({"alg": "RS256", "kid": "rsa' UNION SELECT 'x"}),
    "kid long": hand_made({"alg": "RS256", "kid": "r" * 300}),
    "crit": hand_made({"alg": "RS256", "kid": "rsa", "crit": ["exp"]}),
    "crit empty": hand_made({"alg": "RS256", "kid": "rsa", "crit": []}),
    "b64": hand_made({"alg": "RS256", "kid": "rsa", "b64": False}),
    "jwk": hand_made({"alg": "RS256", "kid": "rsa", "jwk": {"kty": "RSA"}}),
    "jku": hand_made({"alg": "RS256", "kid": "rsa", "jku": "https://evil.example"}),
    "x5u": hand_made({"alg": "RS256", "kid": "rsa", "x5u": "https://evil.example"}),
    "x5c": hand_made({"alg": "RS256", "kid": "rsa", "x5c": ["MII"]}),
    "logout token": hand_made({"alg": "RS256", "kid": "rsa", "typ": "logout+jwt"}),
    "typ number": hand_made({"alg": "RS256", "kid": "rsa", "typ": 1}),
    "no exp": token(without("exp")),
    "expired": token({**CLAIMS, "exp": NOW_S - 30}),
    "exp text": hand_made({"alg": "RS256", "kid": "rsa"}, {**CLAIMS, "exp": "9999999999"}),
    "exp null": hand_made({"alg": "RS256", "kid": "rsa"}, {**CLAIMS, "exp": None}),
    "exp true": hand_made({"alg": "RS256", "kid": "rsa"}, {**CLAIMS, "exp": True}),
    "exp NaN": hand_made({"alg": "RS256", "kid": "rsa"}, {**CLAIMS, "exp": float("nan")}),
    "exp infinite": hand_made({"alg": "RS256", "kid": "rsa"}, {**CLAIMS, "exp": float("inf")}),
    "exp 1e999": hand_made({"alg": "RS256", "kid": "rsa"}, b'{"sub":"a","exp":1e999}'),
    "exp of 5000 digits": hand_made(
        {"alg": "RS256", "kid": "rsa"}, b'{"sub":"a","exp":%s}' % (b"9" * 5000)
    ),
    "not yet": token({**CLAIMS, "nbf": NOW_S + 31}),
    "nbf text": hand_made({"alg": "RS256", "kid": "rsa"}, {**CLAIMS, "nbf": "0"}),
    "issued tomorrow": token({**CLAIMS, "iat": NOW_S + 86400}),
    "no iss": token(without("iss")),
    "wrong iss": token({**CLAIMS, "iss": "https://id.example.evil"}),
    "iss prefix": token({**CLAIMS, "iss": "https://id.exampl"}),
    "iss list": hand_made({"alg": "RS256", "kid": "rsa"}, {**CLAIMS, "iss": [CLAIMS["iss"]]}),
    "no aud": token(without("aud")),
    "wrong aud": token({**CLAIMS, "aud": "billing"}),
    "aud list without us": token({**CLAIMS, "aud": ["billing", "router2"]}),
    "aud empty": token({**CLAIMS, "aud": []}),
    "nobody": token(without("sub")),
    "sub empty": token({**CLAIMS, "sub": ""}),
    "sub number": hand_made({"alg": "RS256", "kid": "rsa"}, {**CLAIMS, "sub": 7}),
    "sub with newline": token({**CLAIMS, "sub": "alice\nadmin"}),
    "sub long": token({**CLAIMS, "sub": "a" * 300}),
    "claims are a list": hand_made({"alg": "RS256", "kid": "rsa"}, b"[]"),
    "claims are not JSON": hand_made({"alg": "RS256", "kid": "rsa"}, b"{"),
    "claims are not UTF-8": hand_made({"alg": "RS256", "kid": "rsa"}, b'{"sub":"\xff"}'),
    "claims too deep": hand_made({"alg": "RS256", "kid": "rsa"}, b"[" * 9000),
    "header too deep": hand_made(b"[" * 9000),
    "header is a list": hand_made(b"[]"),
    "header is not UTF-8": hand_made(b"\xff\xfe"),
    "header of 5000 digits": hand_made(b'{"alg":"RS256","kid":"rsa","x":%s}' % (b"9" * 5000)),
    "signature cut": token().rpartition(".")[0] + ".",
    "signature flipped": token()[:-8] + "AAAAAAAA",
    "payload swapped": ".".join(
        [token().split(".")[0], b64({**CLAIMS, "sub": "root"}), token().split(".")[2]]
    ),
    "encrypted": token() + ".a.b",
    "two parts": "eyJhbGciOiJub25lIn0.e30",
    "not base64": "eyJ!!.e30.x",
    "not ASCII": token() + "é",
    "empty": "",
    "dots": "..",
    "oversize": token({**CLAIMS, "pad": "x" * MAX_TOKEN_BYTES}),
}


@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS.keys())
def test_attacks_are_refused_without_an_echo(text: str) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        check(text)
    message = caught.value.message
    assert message.endswith((".", ")."))
    assert len(message) < 120
    for part in text.split("."):
        assert len(part) < 8 or part not in message
    assert "evil" not in message
    assert "alice" not in message


def test_a_public_key_algorithm_is_refused_where_a_secret_is_configured() -> None:
    oauth = OAuthIngress(("HS256", "RS256"), jwt_secret=Secret(SECRET))
    with pytest.raises(AuthenticationFailed, match="algorithm"):
        check(token(), oauth)


def test_a_shared_secret_algorithm_is_refused_without_a_secret_even_if_configured() -> None:
    with pytest.raises(AuthenticationFailed, match="algorithm"):
        check(confused(), OAuthIngress(("RS256", "HS256"), issuer="https://id.example"))


def test_none_is_refused_even_if_configured() -> None:
    with pytest.raises(AuthenticationFailed, match="algorithm"):
        check(ATTACKS["alg none"], OAuthIngress(("none", "RS256"), issuer="https://id.example"))


def test_without_any_place_for_keys_nothing_passes() -> None:
    with pytest.raises(AuthenticationFailed, match="signing key"):
        check(token(), OAuthIngress(("RS256",)))


@pytest.mark.parametrize("exp", [NOW_S - 29, NOW_S + 1, 10**30])
def test_the_clock_skew_is_granted_at_the_end(exp: float) -> None:
    assert check(token({**CLAIMS, "exp": exp})).id == "alice"


def test_the_clock_skew_is_granted_at_the_start() -> None:
    assert check(token({**CLAIMS, "nbf": NOW_S + 29, "iat": NOW_S + 29})).id == "alice"


def test_audience_may_be_one_of_a_list() -> None:
    assert check(token({**CLAIMS, "aud": ["billing", "router"]})).id == "alice"


def test_issuer_and_audience_are_not_asked_for_where_not_configured() -> None:
    oauth = OAuthIngress(("RS256",), jwks_url="https://id.example/keys")
    assert check(token(without("iss", "aud")), oauth).id == "alice"
    assert check(token(), oauth).id == "alice"


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_access_token_types_pass(typ: str) -> None:
    assert check(hand_made({"alg": "RS256", "kid": "rsa", "typ": typ})).id == "alice"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"sub": "s", "client_id": "c", "email": "e@x.example"}, "s"),
        ({"client_id": "c", "email": "e@x.example"}, "c"),
        ({"email": "e@x.example"}, "e@x.example"),
        ({"sub": "", "client_id": "c"}, "c"),
    ],
)
def test_the_first_claim_that_names_somebody_wins(claims: dict[str, Any], expected: str) -> None:
    assert check(token({**without("sub"), **claims})).id == expected


@pytest.mark.parametrize(
    "claims",
    [
        {"scope": "router.use openid"},
        {"scope": ["openid", "router.use"]},
        {"scp": "router.use"},
        {"scp": ["router.use"], "scope": "openid"},
    ],
)
def test_scopes_are_read_in_every_usual_shape(claims: dict[str, Any]) -> None:
    oauth = OAuthIngress(
        ("RS256",), jwks_url="https://id.example/keys", required_scopes=("router.use",)
    )
    assert check(token({**CLAIMS, **claims}), oauth).id == "alice"


@pytest.mark.parametrize(
    "claims", [{}, {"scope": "router"}, {"scope": 7}, {"scp": [None]}, {"scope": "router.use2"}]
)
def test_a_missing_scope_is_403_and_named(claims: dict[str, Any]) -> None:
    oauth = OAuthIngress(
        ("RS256",), jwks_url="https://id.example/keys", required_scopes=("router.use",)
    )
    with pytest.raises(PermissionDenied, match=r"router\.use"):
        check(token({**CLAIMS, **claims}), oauth)


def test_jwts_are_told_from_keys_by_their_shape() -> None:
    assert looks_like_jwt(token())
    assert looks_like_jwt(f"{b64(b'{ }')}.e30.")
    assert not looks_like_jwt("sk-proj-abc.def.ghi")
    assert not looks_like_jwt(token() + ".x")
