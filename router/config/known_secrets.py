"""This module lists the credentials of a configuration, so that texts can be cleared of them."""

from __future__ import annotations

from router.canonical.secret import Secret
from router.config.snapshot import Snapshot
from router.providers.base import Account


def secrets_of(snapshot: Snapshot) -> tuple[str, ...]:
    """Return every credential of every account."""
    return tuple(
        secret.value
        for account in snapshot.accounts.values()
        for secret in _of_account(account)
        if secret is not None and secret.value
    )


def _of_account(account: Account) -> tuple[Secret | None, ...]:
    oauth = account.oauth
    if oauth is None:
        return (account.api_key,)
    return (account.api_key, oauth.access_token, oauth.refresh_token, oauth.client_secret)
