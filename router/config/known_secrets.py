"""This module lists what a configuration must not betray, so that texts can be cleared of it."""

from __future__ import annotations

from urllib.parse import urlsplit

from router.canonical.secret import Secret
from router.config.snapshot import Snapshot
from router.providers.base import Account


def secrets_of(snapshot: Snapshot) -> tuple[str, ...]:
    """Return every credential of every account: for logs, where addresses are wanted."""
    return tuple(
        dict.fromkeys(
            secret for account in snapshot.accounts.values() for secret in _secrets(account)
        )
    )


def private_words(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the credentials, and the hosts that are called: for what clients are told."""
    hosts = (urlsplit(account.base_url).hostname for account in snapshot.accounts.values())
    return (*secrets_of(snapshot), *dict.fromkeys(host for host in hosts if host))


def _secrets(account: Account) -> list[str]:
    """Return what authenticates an account; its own headers may carry keys too."""
    oauth = account.oauth
    held: list[Secret | None] = [account.api_key]
    if oauth is not None:
        held += [oauth.access_token, oauth.refresh_token, oauth.client_secret]
    found = [secret.value for secret in held if secret is not None]
    found += account.headers.values()
    if account.proxy is not None:
        found.append(urlsplit(account.proxy).password or "")
    return [secret for secret in found if secret]
