"""This module says which account serves which model, and under which name it asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from router.config.services import same_provider
from router.providers.base import Account


@dataclass(frozen=True, slots=True)
class Matcher:
    """Reads ids as ``provider/model`` where the prefix is a configured provider.

    Other slashes belong to the model's own name, as in ``meta-llama/Llama-3``.

    Attributes
    ----------
    providers : tuple of str
        Of every configured account, disabled ones included: a missing key must not
        change how ids are read.
    """

    providers: tuple[str, ...]

    def split(self, model: str) -> tuple[str | None, str]:
        """Return provider and bare id; None where the id names no provider.

        Examples
        --------
        >>> Matcher(("openai",)).split("OpenAI/gpt-5.2")
        ('OpenAI', 'gpt-5.2')
        >>> Matcher(("vllm",)).split("meta-llama/Llama-3")
        (None, 'meta-llama/Llama-3')
        """
        prefix, slash, rest = model.partition("/")
        if slash and rest and any(same_provider(prefix, known) for known in self.providers):
            return prefix, rest
        return None, model

    def bare(self, model: str, provider: str) -> str:
        """Return an id without its prefix, where the prefix is that provider."""
        prefix, rest = self.split(model)
        return rest if prefix and same_provider(prefix, provider) else model

    def serves(self, account: Account, model: str) -> bool:
        """Tell whether an account serves a configured model.

        An account without models serves all, but those of another provider. A qualified
        id needs the provider; a bare one matches the account's bare and qualified ids.
        """
        if model in account.models:
            return True
        prefix, _ = self.split(model)
        if prefix and not same_provider(prefix, account.provider):
            return False
        wanted = self.bare(model, account.provider)
        return not account.models or wanted in self.bare_models(account)

    def bare_models(self, account: Account) -> set[str]:
        """Return an account's models without its own provider's prefix."""
        return {self.bare(model, account.provider) for model in account.models}

    def listed_bare(self, account: Account, listed: Iterable[str]) -> set[str]:
        """Return, without prefix, the listed ids that stand for models of an account."""
        return {
            self.bare(known, account.provider) for known in listed if self.serves(account, known)
        }
