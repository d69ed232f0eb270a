"""This module says what an account and a target are, and what every provider must do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from router.canonical.price import Price
from router.canonical.request import ModelTraits
from router.canonical.secret import Secret
from router.errors import UpstreamError

AuthMode = Literal["api_key", "oauth", "passthrough"]


@dataclass(frozen=True, slots=True)
class OAuthCredential:
    """What an ``oauth`` account is configured with.

    Attributes
    ----------
    expires_at_s : int, optional
        Seconds since the epoch; None where unknown (the token is then used until the
        provider refuses it).
    """

    access_token: Secret | None = None
    refresh_token: Secret | None = None
    expires_at_s: int | None = None
    token_url: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class Quirks:
    """Where a server departs from the format it claims to speak.

    Attributes
    ----------
    rename : mapping
        Body fields to rename, as ``{"max_completion_tokens": "max_tokens"}``.
    drop : tuple of str
        Body fields that the server refuses.
    chat_api : bool, optional
        Whether it has ``/chat/completions``; None counts as having it.
    responses_api : bool, optional
        Whether it has ``/responses``; None counts as having it.
    completions_api : bool, optional
        Whether it has the legacy ``/completions``; None counts as having it.
    versioned : bool
        False for services whose paths carry no version segment (``/chat/completions``
        right below `base_url`).
    """

    rename: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    chat_api: bool | None = None
    responses_api: bool | None = None
    completions_api: bool | None = None
    versioned: bool = True


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines of a call, each None where it does not apply.

    Attributes
    ----------
    connect_s : float
        DNS, TCP and TLS.
    first_content_s : float
        From sending to the first content of a stream; not for whole answers.
    idle_s : float
        Between two pieces of an answer.
    total_s : float
        The whole request, all attempts together; a target's or an account's own: one call.
    keep_alive_s : float
        Silence inside a stream after which its client is sent a comment.
    """

    connect_s: float = 5.0
    first_content_s: float = 120.0
    idle_s: float = 120.0
    total_s: float = 600.0
    keep_alive_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Account:
    """One credential at one provider.

    Attributes
    ----------
    provider : str
        The service's name as configured, lower case (``groq``); told to clients.
    kind : str
        Key of ``router.providers.KINDS``: how the service is addressed.
    base_url : str
        As configured, without trailing slash; providers append their paths.
    models : tuple of str
        Configured model ids it serves; empty serves every model.
    headers : mapping
        Extra request headers.
    """

    name: str
    provider: str
    kind: str
    base_url: str
    auth_mode: AuthMode = "api_key"
    api_key: Secret | None = None
    oauth: OAuthCredential | None = None
    organization: str | None = None
    project: str | None = None
    models: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_version: str | None = None
    quirks: Quirks = Quirks()
    timeouts: Timeouts | None = None
    proxy: str | None = field(default=None, repr=False)
    ca_bundle: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One account and one model: what an attempt calls.

    Attributes
    ----------
    model : str
        Id in our configuration.
    traits : ModelTraits
        ``traits.name`` is the model's id at the provider.
    defaults : mapping
        Body fields set where the caller left them out.
    weight, rpm, tpm, order : number, optional
        For balancing among targets of one model; lower `order` first.
    stream_timeouts : Timeouts, optional
        This target's own deadlines, where they differ from the account's.
    drop_params : bool, optional
        False makes a parameter that the format cannot say a 400.
    """

    model: str
    account: Account
    traits: ModelTraits
    price: Price | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    rpm: int | None = None
    tpm: int | None = None
    order: int | None = None
    timeouts: Timeouts | None = None
    drop_params: bool | None = None
    extra_drop: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``account:model``, the key of breakers, cooldowns and latency."""
        return f"{self.account.name}:{self.model}"

    @property
    def upstream_model(self) -> str:
        """The model's id at the provider."""
        return self.traits.name


@dataclass(frozen=True, slots=True)
class Operation:
    """What is asked of a provider.

    Attributes
    ----------
    format : str
        Wire format of body and answer: a chat format's name, ``openai_completions``,
        ``openai_embeddings``, ``gemini_embeddings``, ``count_tokens`` or ``opaque``.
    stream : bool
        Whether the answer is to come as a stream.
    path : str
        For ``opaque``: the path below ``/v1``, without leading slash.
    content_type : str
        Of the body; multipart bodies keep their boundary.
    """

    format: str
    stream: bool = False
    path: str = ""
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class UpstreamCall:
    """A request ready to be sent; its headers carry the credential."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Provider(Protocol):
    """How a service is addressed. Pure: no sockets."""

    @property
    def kind(self) -> str:
        """What the configuration calls it."""
        ...

    @property
    def forwarded_headers(self) -> frozenset[str]:
        """Lower-case names of the caller's headers that the service needs to see."""
        ...

    def formats(self, account: Account) -> tuple[str, ...]:
        """Return the names of the chat formats that the account speaks, preferred first."""
        ...

    def supports(self, account: Account, operation: Operation) -> bool:
        """Tell whether the account has an endpoint for an operation."""
        ...

    def build(
        self, target: Target, operation: Operation, body: bytes, credential: Secret | None
    ) -> UpstreamCall:
        """Return the call: URL, provider headers, auth; `body` unchanged."""
        ...

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """Return the error of an answer of status 300 or more."""
        ...
