"""This module compiles who may call: keys, JWTs, and whether strangers are served."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from router.config.addresses import BadAddress, checked_base_url
from router.config.draft import AdminKey
from router.config.findings import Findings, did_you_mean
from router.config.settings import Settings
from router.config.snapshot import ClientKey, IngressAuth, OAuthIngress

_SHARED_SECRET = ("HS256", "HS384", "HS512")
_PUBLIC_KEY = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
# RFC 7518 §3.2: a key as long as the hash, at least.
_SHORTEST_SECRET_BYTES = 32


@dataclass(slots=True)
class _Keys:
    """The keys found, and whether any was configured, found or not."""

    by_digest: dict[bytes, ClientKey] = field(default_factory=dict)
    is_configured: bool = False

    def add(self, key: ClientKey) -> None:
        """Add a key; where one is given twice, its rights as administrator stay."""
        self.is_configured = True
        known = self.by_digest.get(key.digest)
        if known is None or key.is_admin:
            self.by_digest[key.digest] = key


def key_digest(key: str) -> bytes:
    """Return the digest under which a key is kept and compared.

    Examples
    --------
    >>> key_digest("sk-test").hex()[:8]
    'f3abf2a6'
    """
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def ingress_auth(
    settings: Settings,
    master_key: AdminKey | None,
    yaml_keys: Sequence[Mapping[str, Any]],
    findings: Findings,
) -> IngressAuth:
    """Return the rules for callers.

    Any configured key or ``OAUTH_ENABLED`` switches auth on, also where the key's
    variable is not set: a typing error must not open the gateway. Only an explicit
    ``INGRESS_AUTH_REQUIRED=false`` leaves it off.
    """
    keys = _Keys()
    if settings.openwebui_key is not None:
        digest = key_digest(settings.openwebui_key.value)
        keys.add(ClientKey("open-webui", digest, speaks_for_users=True))
    for number, secret in enumerate(settings.ingress_keys, 1):
        keys.add(ClientKey(f"ingress-key-{number}", key_digest(secret.value)))
    for number, secret in enumerate(settings.admin_keys, 1):
        keys.add(ClientKey(f"admin-key-{number}", key_digest(secret.value), is_admin=True))
    _add_yaml_keys(yaml_keys, settings, keys, findings)
    if master_key:
        keys.is_configured = True
        if master_key.value:
            keys.add(ClientKey("master_key", key_digest(master_key.value), is_admin=True))
    oauth = _oauth(settings, findings) if settings.oauth_enabled else None
    is_on = keys.is_configured or settings.oauth_enabled
    _check_required(settings.ingress_required, is_on, findings)
    shared = settings.user_jwt_secret
    if shared and len(shared.value.encode()) < _SHORTEST_SECRET_BYTES:
        findings.note(
            "warning",
            "FORWARD_USER_INFO_HEADER_JWT_SECRET",
            f"is shorter than {_SHORTEST_SECRET_BYTES} bytes and can be guessed",
        )
    explicit = settings.ingress_required
    return IngressAuth(
        required=explicit if explicit is not None else is_on,
        explicitly_open=explicit is False,
        keys=keys.by_digest,
        oauth=oauth,
        trusted_proxies=settings.trusted_proxies,
        user_jwt_key=shared,
    )


def _check_required(explicit: bool | None, is_on: bool, findings: Findings) -> None:
    """Refuse auth that nobody can pass; warn of keys that nobody needs."""
    path = "INGRESS_AUTH_REQUIRED"
    if explicit and not is_on:
        findings.problem(
            path, "is true, but there is no key; set INGRESS_API_KEYS or OAUTH_ENABLED"
        )
    if explicit is False:
        message = "is false: anybody who reaches this server may use it"
        if is_on:
            message += ", although keys are configured"
        findings.note("warning", path, message)


def _add_yaml_keys(
    entries: Sequence[Mapping[str, Any]], settings: Settings, keys: _Keys, findings: Findings
) -> None:
    """Add the `keys` of the file."""
    names: set[str] = set()
    for index, entry in enumerate(entries):
        path, name = f"keys[{index}]", entry["name"]
        keys.is_configured = True
        if name in names:
            findings.problem(f"{path}.name", f'"{name}" names two keys; rename one')
        names.add(name)
        digest = _yaml_digest(entry, path, settings, findings)
        if digest is not None:
            keys.add(
                ClientKey(
                    name,
                    digest,
                    entry.get("models", ()),
                    is_admin=entry.get("admin", False),
                    speaks_for_users=entry.get("trust_user_headers", False),
                )
            )


def _yaml_digest(
    entry: Mapping[str, Any], path: str, settings: Settings, findings: Findings
) -> bytes | None:
    """Return the digest of one key of the file; None, and noted, where it is not there."""
    if "digest" in entry:
        return bytes.fromhex(entry["digest"].removeprefix("sha256:"))
    found = settings.secrets.choose(entry.get("key_env"), entry.get("key"))
    if found.secret is None:
        reason = "; ".join(found.missing) or "is blank"
        findings.note("error", path, f'key "{entry["name"]}" is not accepted: {reason}')
        return None
    return key_digest(found.secret.value)


def _oauth(settings: Settings, findings: Findings) -> OAuthIngress:
    """Return how JWTs are verified; settings that cannot be safe are problems."""
    algorithms = _algorithms(settings, findings)
    issuer, jwks_url = settings.oauth_issuer, settings.oauth_jwks_url
    _check_keys(algorithms, settings, findings)
    if jwks_url is None and issuer and settings.oauth_jwt_secret is None:
        jwks_url = f"{issuer.rstrip('/')}/.well-known/jwks.json"
    if jwks_url and settings.oauth_jwt_secret is None:
        _check_jwks_url(jwks_url, findings)
    if settings.oauth_audience is None:
        findings.note(
            "warning",
            "OAUTH_AUDIENCE",
            "is not set: tokens that the issuer gave out for other services are accepted",
        )
    if issuer is None:
        findings.note("warning", "OAUTH_ISSUER", "is not set: iss is not checked")
    return OAuthIngress(
        algorithms=algorithms,
        issuer=issuer,
        audience=settings.oauth_audience,
        jwks_url=None if settings.oauth_jwt_secret else jwks_url,
        required_scopes=settings.oauth_required_scopes,
        jwt_secret=settings.oauth_jwt_secret,
        clock_skew_s=settings.oauth_clock_skew_s,
    )


def _algorithms(settings: Settings, findings: Findings) -> tuple[str, ...]:
    """Return the algorithms; a secret without any means HS256, else RS256."""
    named = settings.oauth_algorithms
    if not named:
        return ("HS256",) if settings.oauth_jwt_secret else ("RS256",)
    for algorithm in named:
        if algorithm not in _SHARED_SECRET + _PUBLIC_KEY:
            hint = did_you_mean(algorithm, _SHARED_SECRET + _PUBLIC_KEY)
            findings.problem("OAUTH_ALGORITHMS", f'"{algorithm}" is not accepted{hint}')
    return named


def _check_keys(algorithms: tuple[str, ...], settings: Settings, findings: Findings) -> None:
    """Refuse algorithms without their kind of key, and both kinds together (RFC 8725 §2.1)."""
    path, secret = "OAUTH_ALGORITHMS", settings.oauth_jwt_secret
    shared = [algorithm for algorithm in algorithms if algorithm in _SHARED_SECRET]
    public = [algorithm for algorithm in algorithms if algorithm in _PUBLIC_KEY]
    if secret is None and not (settings.oauth_jwks_url or settings.oauth_issuer):
        findings.problem(
            "OAUTH_ENABLED",
            "is true, but there is nothing to verify tokens with; "
            "set OAUTH_ISSUER, OAUTH_JWKS_URL or OAUTH_JWT_SECRET",
        )
    if shared and secret is None:
        findings.problem(
            path, f"{shared[0]} needs OAUTH_JWT_SECRET; with JWKS use RS256, ES256 or EdDSA"
        )
    elif shared and settings.oauth_jwks_url:
        findings.problem(
            path, f"{shared[0]} and OAUTH_JWKS_URL do not go together; remove one of them"
        )
    if public and secret is not None:
        findings.problem(
            path, f"{public[0]} cannot be verified with OAUTH_JWT_SECRET; remove one of them"
        )
    if secret and len(secret.value.encode()) < _SHORTEST_SECRET_BYTES:
        findings.note(
            "warning",
            "OAUTH_JWT_SECRET",
            f"is shorter than {_SHORTEST_SECRET_BYTES} bytes and can be guessed",
        )


def _check_jwks_url(url: str, findings: Findings) -> None:
    """Refuse an address that is no http(s) URL; warn of one that can be forged."""
    try:
        checked_base_url(url)
    except BadAddress as exc:
        findings.problem("OAUTH_JWKS_URL", str(exc))
        return
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        findings.note("warning", "OAUTH_JWKS_URL", "is not https: its keys can be forged")
