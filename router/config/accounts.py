"""This module builds accounts from what router.yaml says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from router.canonical.secret import Secret
from router.config.addresses import BadAddress, checked_base_url, take_api_version
from router.config.findings import Findings, did_you_mean
from router.config.secrets import Resolved, Secrets, is_sendable
from router.config.services import Service, known_providers, service_named
from router.providers.base import Account, OAuthCredential, Quirks, Timeouts

# https://github.com/openai/codex: where OpenAI renews its own tokens.
_OPENAI_TOKEN_URL = "https://auth.openai.com/oauth/token"  # noqa: S105  # nosec B105
_OPENAI_PROVIDERS = frozenset({"openai", "openai-codex", "chatgpt"})
_FORBIDDEN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "cookie"}
)


@dataclass(frozen=True, slots=True)
class Built:
    """An account, or why it is not used."""

    account: Account | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Builder:
    """What building an account takes besides its own entry."""

    secrets: Secrets
    findings: Findings
    timeouts: Timeouts

    def build(self, entry: Mapping[str, Any], path: str) -> Built:
        """Return the account of an entry; problems and notes go to `findings`."""
        service = service_named(entry["provider"])
        base_url = self._base_url(entry, service, path)
        if not entry.get("enabled", True):
            return Built(None, "enabled: false")
        if base_url is None:
            return Built(None, "no usable base_url")
        account = Account(
            name=entry["name"],
            provider=entry["provider"].lower(),
            kind=entry.get("kind") or (service.kind if service else "openai"),
            base_url=base_url,
            auth_mode=entry.get("auth_mode", "api_key"),
            organization=entry.get("organization"),
            project=entry.get("project"),
            models=entry.get("models", ()),
            api_version=entry.get("api_version") or take_api_version(base_url_text(entry))[1],
            quirks=quirks_of(entry.get("quirks", {}), service),
            timeouts=timeouts_of(entry.get("timeouts"), self.timeouts),
            ca_bundle=entry.get("ca_bundle"),
        )
        missing: list[str] = []
        account = self._with_credential(account, entry, service, path, missing)
        account = self._with_headers(account, entry, path, missing)
        account = self._with_proxy(account, entry, path, missing)
        if missing:
            return self.disable(account.name, path, missing)
        return Built(account)

    def disable(self, name: str, path: str, missing: list[str]) -> Built:
        """Note why an account is not used; the server runs without it."""
        reason = "; ".join(missing)
        self.findings.note("error", path, f'account "{name}" is disabled: {reason}')
        return Built(None, reason)

    def base_url(self, text: str, path: str, *, allow_link_local: bool = False) -> str | None:
        """Return a checked address; a bad one is a problem."""
        try:
            return checked_base_url(text, allow_link_local=allow_link_local)
        except BadAddress as exc:
            self.findings.problem(path, str(exc))
            return None

    def note_no_key(self, name: str, path: str) -> None:
        """Note an account that is called without a credential."""
        self.findings.note(
            "info", path, f'account "{name}" names no key and is called without Authorization'
        )

    def _base_url(self, entry: Mapping[str, Any], service: Service | None, path: str) -> str | None:
        """Return the address, else the service's own; neither is a problem."""
        if service and service.kind == "demo":
            return service.base_url
        text = entry.get("base_url")
        if text is None:
            if service and service.base_url and service.base_url.startswith("https:"):
                return service.base_url
            hint = "" if service else did_you_mean(entry["provider"], known_providers())
            self.findings.problem(f"{path}.base_url", f"is missing; say where the account is{hint}")
            return None
        expanded = self.secrets.expand(text)
        if expanded.text is None:
            self.findings.problem(
                f"{path}.base_url", "; ".join(expanded.missing) or "is blank; give it a value"
            )
            return None
        address = expanded.text
        if entry.get("kind", service.kind if service else "") == "azure":
            address = take_api_version(address)[0]
        return self.base_url(
            address,
            f"{path}.base_url",
            allow_link_local=entry.get("allow_link_local", False),
        )

    def _with_credential(
        self,
        account: Account,
        entry: Mapping[str, Any],
        service: Service | None,
        path: str,
        missing: list[str],
    ) -> Account:
        """Add what the account's auth mode needs."""
        if account.auth_mode == "oauth":
            return self._with_oauth(account, entry, path, missing)
        if account.auth_mode == "passthrough" or account.kind == "demo":
            return account
        found = self.secrets.choose(entry.get("api_key_env"), entry.get("api_key"))
        if service and not found.secret and not found.missing and "base_url" not in entry:
            # At the service's own address its own variable is what the entry means.
            found = self.service_key(service)
        missing.extend(found.missing)
        if found.secret is None and not found.missing:
            self.note_no_key(account.name, path)
        return replace(account, api_key=self.sendable(found.secret, missing))

    def service_key(self, service: Service) -> Resolved:
        """Return the key that a hosted service's own variables hold."""
        for variable in service.key_variables:
            if value := self.secrets.find(variable):
                return Resolved(Secret(value))
        if not service.key_variables:
            return Resolved()
        return Resolved(None, (self.secrets.why_missing(service.key_variables[0]),))

    def sendable(self, secret: Secret | None, missing: list[str]) -> Secret | None:
        """Return a secret that fits in a header, else say so."""
        if secret and not is_sendable(secret):
            missing.append("its key holds a line break or control character")
            return None
        return secret

    def _with_oauth(
        self, account: Account, entry: Mapping[str, Any], path: str, missing: list[str]
    ) -> Account:
        """Add tokens; one that can be used or renewed must be there."""

        def chosen(name: str) -> Resolved:
            literal = entry.get(f"oauth_{name}")
            text = None if literal is None else str(literal)
            return self.secrets.choose(entry.get(f"oauth_{name}_env"), text)

        parts = {
            name: chosen(name)
            for name in (
                "access_token",
                "refresh_token",
                "expires_at",
                "client_id",
                "client_secret",
                "account_id",
            )
        }
        access, refresh = parts["access_token"], parts["refresh_token"]
        if access.secret is None and refresh.secret is None:
            missing.extend(access.missing + refresh.missing)
            if not missing:
                missing.append("auth_mode oauth needs oauth_access_token or oauth_refresh_token")
        expires_at = parts["expires_at"].text
        if expires_at and not expires_at.isdigit():
            missing.append("oauth_expires_at is not a whole number of seconds since the epoch")
        provider_url = _OPENAI_TOKEN_URL if account.provider in _OPENAI_PROVIDERS else None
        token_url = entry.get("oauth_token_url") or provider_url
        if refresh.secret and not token_url:
            self.findings.note(
                "warning", path, "has a refresh token and no oauth_token_url; it cannot be renewed"
            )
        if token_url and self.base_url(token_url, f"{path}.oauth_token_url") is None:
            token_url = None
        credential = OAuthCredential(
            access_token=self.sendable(access.secret, missing),
            refresh_token=refresh.secret,
            expires_at_s=int(expires_at) if expires_at and expires_at.isdigit() else None,
            token_url=token_url,
            client_id=parts["client_id"].text,
            client_secret=parts["client_secret"].secret,
            account_id=parts["account_id"].text,
        )
        return replace(account, oauth=credential)

    def _with_headers(
        self, account: Account, entry: Mapping[str, Any], path: str, missing: list[str]
    ) -> Account:
        """Add further headers, references replaced."""
        headers = self.headers(entry.get("headers", {}), f"{path}.headers", missing)
        return replace(account, headers=headers)

    def headers(self, given: Mapping[str, str], path: str, missing: list[str]) -> dict[str, str]:
        """Return request headers with their references replaced."""
        headers = {}
        for name, text in given.items():
            expanded = self.secrets.expand(text)
            missing.extend(expanded.missing)
            if name.lower() in _FORBIDDEN_HEADERS:
                self.findings.problem(f"{path}.{name}", "is set by the gateway; remove it")
            elif expanded.secret and not is_sendable(expanded.secret):
                self.findings.problem(f"{path}.{name}", "holds a line break; remove it")
            elif expanded.text is not None:
                headers[name] = expanded.text
        return headers

    def _with_proxy(
        self, account: Account, entry: Mapping[str, Any], path: str, missing: list[str]
    ) -> Account:
        """Add the proxy; its URL may carry credentials."""
        if "proxy" not in entry:
            return account
        expanded = self.secrets.expand(entry["proxy"])
        missing.extend(expanded.missing)
        if expanded.text and not expanded.text.startswith(("http://", "https://")):
            self.findings.problem(f"{path}.proxy", "must start with http:// or https://")
        return replace(account, proxy=expanded.text)


def base_url_text(entry: Mapping[str, Any]) -> str:
    """Return an entry's address as written."""
    return str(entry.get("base_url", ""))


def quirks_of(given: Mapping[str, Any], service: Service | None) -> Quirks:
    """Return a server's habits: the service's, with the entry's own on top."""
    known = service.quirks if service else Quirks(responses_api=False)
    rename = {**known.rename, **given.get("rename", {})}
    return replace(known, **{**given, "rename": rename})


def timeouts_of(given: Mapping[str, float] | None, base: Timeouts) -> Timeouts | None:
    """Return an account's own deadlines; None where it has none."""
    return replace(base, **given) if given else None
