"""This module holds one compiled configuration: immutable, complete, free of I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from router.canonical.secret import Secret
from router.providers.base import Account, Target, Timeouts

SourceKind = Literal["router", "litellm", "environment", "backend", "demo"]
Tier = Literal["low", "medium", "high", "xhigh", "default"]

DEFAULT_RETRY_STATUSES = frozenset({429, 500, 502, 503, 504, 529})


@dataclass(frozen=True, slots=True)
class Source:
    """Where a configuration came from.

    Attributes
    ----------
    kind : str
        ``router``: router.yaml. ``litellm``: a LiteLLM file. ``environment``: provider
        keys or an Ollama. ``backend``: BACKEND_BASE_URL alone. ``demo``: none of these.
    path : str, optional
        The file's path, for the kinds that have one.
    """

    kind: SourceKind
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something an operator should know about the configuration.

    Attributes
    ----------
    level : str
        ``warning``: act on it (fails nothing); ``error``: `check` fails, the server
        runs without the part; ``unused``: a key without effect here; ``info``.
    path : str
        Where in the configuration, as ``accounts[2].api_key_env``.
    """

    level: Literal["info", "unused", "warning", "error"]
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What ``GET /v1/models`` tells of one model.

    Attributes
    ----------
    alias_for : str, optional
        The model it stands for, for aliases.
    hidden : bool
        Served, but not listed.
    metadata : mapping
        Further fields, as configured; never secrets.
    """

    id: str
    owned_by: str
    name: str | None = None
    description: str | None = None
    created: int = 0
    context_window_tokens: int | None = None
    max_output_tokens: int | None = None
    capabilities: frozenset[str] | None = None
    tier: str | None = None
    mode: str | None = None
    alias_for: str | None = None
    hidden: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A model pattern, as LiteLLM's ``openai/*``.

    Attributes
    ----------
    pattern : str
        What clients may name, with one ``*``.
    target : Target
        Its `model` and ``traits.name`` may contain ``*``, replaced by what matched.
    """

    pattern: str
    target: Target

    def match(self, model: str) -> Target | None:
        """Return the target of a model that fits the pattern, else None.

        What the star of `pattern` stands for replaces the star of the upstream name.
        """
        before, _, after = self.pattern.partition("*")
        if len(model) <= len(before) + len(after):
            return None
        if not (model.startswith(before) and model.endswith(after)):
            return None
        matched = model[len(before) : len(model) - len(after)]
        traits = replace(self.target.traits, name=self.target.traits.name.replace("*", matched))
        return replace(self.target, model=model, traits=traits)


@dataclass(frozen=True, slots=True)
class ComplexityThresholds:
    """Lengths in characters up to which a request counts as low, medium, high."""

    low_max_chars: int = 1200
    medium_max_chars: int = 6000
    high_max_chars: int = 16000


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """What an operator says of a model, for learned routing; None is not said."""

    quality_bias: float = 0.0
    quality_sensitivity: float = 1.0
    cost_input_per_1k_usd: float | None = None
    cost_output_per_1k_usd: float | None = None
    latency_ms: float | None = None
    failure_rate: float | None = None


@dataclass(frozen=True, slots=True)
class LearnedRouting:
    """Utility-based ranking of candidates (`system A` §1.7)."""

    enabled: bool = False
    bias: float = -4.0
    default_output_tokens: int = 512
    feature_weights: Mapping[str, float] = field(default_factory=dict)
    task_candidates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cost_weight: float = 12.0
    latency_weight: float = 0.2
    failure_weight: float = 3.0


@dataclass(frozen=True, slots=True)
class Routes:
    """How ``auto`` chooses.

    Attributes
    ----------
    tasks : mapping of str to mapping of str to tuple of str
        task -> tier -> model ids, as configured (fall-through is routing's).
    origin : str
        Where the routes come from, told by ``explain``: ``task_routes``, ``models table``,
        ``default_models.chat`` or ``first chat model``.
    fallback_models : tuple of str
        Appended to every chain of ``auto``.
    """

    default_model: str
    tasks: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    origin: str = "task_routes"
    fallback_models: tuple[str, ...] = ()
    thresholds: ComplexityThresholds = ComplexityThresholds()
    profiles: Mapping[str, ModelProfile] = field(default_factory=dict)
    learned: LearnedRouting = LearnedRouting()


@dataclass(frozen=True, slots=True)
class Fallbacks:
    """Other models for an explicit one (LiteLLM's ``fallbacks``); keys are model ids.

    ``default`` holds for models without an entry of their own.
    """

    on_error: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on_context_window: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on_content_policy: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    default: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When and how often to try again.

    Attributes
    ----------
    statuses : frozenset of int
        Provider statuses that lead to the next target.
    max_attempts : int
        Calls for one request, at most.
    cooldown_s : float
        How long a 429 without ``Retry-After`` puts account and model aside.
    cooldowns : bool
        False never puts a target aside (LiteLLM's ``disable_cooldowns``).
    """

    statuses: frozenset[int] = DEFAULT_RETRY_STATUSES
    max_attempts: int = 3
    cooldown_s: float = 30.0
    cooldowns: bool = True
    allowed_fails: int | None = None


RoutingStrategy = Literal[
    "ordered", "simple-shuffle", "least-busy", "latency-based-routing", "cost-based-routing"
]


@dataclass(frozen=True, slots=True)
class OAuthIngress:
    """How callers' JWTs are verified.

    Attributes
    ----------
    algorithms : tuple of str
        The only ones accepted, whatever a token says.
    jwt_secret : Secret, optional
        Shared secret for HS*; else keys come from `jwks_url`.
    """

    algorithms: tuple[str, ...]
    issuer: str | None = None
    audience: str | None = None
    jwks_url: str | None = None
    required_scopes: tuple[str, ...] = ()
    jwt_secret: Secret | None = None
    clock_skew_s: int = 30


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A key that callers present.

    Attributes
    ----------
    name : str
        Harmless to log.
    digest : bytes
        SHA-256 of the key.
    models : tuple of str
        Globs; empty is all.
    speaks_for_users : bool
        Its headers are believed where they name the person who asks.
    """

    name: str
    digest: bytes = field(repr=False)
    models: tuple[str, ...] = ()
    is_admin: bool = False
    speaks_for_users: bool = False


@dataclass(frozen=True, slots=True)
class IngressAuth:
    """Who may call.

    Attributes
    ----------
    required : bool
        A key or JWT is needed on every route but health.
    explicitly_open : bool
        ``INGRESS_AUTH_REQUIRED=false`` was set: serve strangers too. Where neither
        holds, only loopback peers are served.
    keys : mapping of bytes to ClientKey
        By SHA-256 digest; admin keys included.
    user_jwt_key : Secret, optional
        Shared with Open-WebUI, which signs with it who asks.
    """

    required: bool = False
    explicitly_open: bool = False
    keys: Mapping[bytes, ClientKey] = field(default_factory=dict, repr=False)
    oauth: OAuthIngress | None = None
    trusted_proxies: tuple[str, ...] = ()
    user_jwt_key: Secret | None = None


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """The audit log. `content` ``preview`` also writes the first characters of prompts."""

    enabled: bool = True
    path: str = "logs/router_decisions.jsonl"
    content: Literal["none", "preview"] = "none"


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Prometheus metrics. `public` serves them to callers without a key."""

    enabled: bool = True
    public: bool = False


@dataclass(frozen=True, slots=True)
class AffinitySettings:
    """Whether and how long a conversation keeps its model under ``auto``.

    Attributes
    ----------
    ttl_s : int
        A conversation silent for so long is forgotten.
    cold_after_s : int
        After so long without an answer the provider's prompt cache counts as cold, so
        that an easier turn may move to a cheaper model.
    """

    enabled: bool = True
    ttl_s: int = 3600
    cold_after_s: int = 300


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may be."""

    max_body_bytes: int = 32 * 1024 * 1024
    body_timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class RuleCondition:
    """When a rule fires: every condition that is set must hold; no condition always holds.

    Attributes
    ----------
    models : tuple of str
        Globs over the model as the caller named it; ``auto`` where it left the choice.
    tasks, complexities : tuple of str
        What the judge said; for explicit models too.
    headers : mapping of str to str
        Lower-case header name -> glob over its value (``*``: present).
    keys, users : tuple of str
        Globs over the principal's id, and over the user that the request names.
    endpoints : tuple of str
        Globs over the path, as ``/v1/chat/*``.
    tokens_over : int, optional
        Estimated input tokens, more than.
    has : frozenset of str
        Of ``tools``, ``images``, ``audio``, ``documents``, ``json``, ``schema``,
        ``reasoning``, ``stream``, ``system``, ``tool_loop``: all of them.
    matches : str, optional
        Regular expression searched in the last user turn.
    """

    models: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    complexities: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    tokens_over: int | None = None
    has: frozenset[str] = frozenset()
    matches: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """An operator's word over the judge's: the first rule that fires decides.

    Attributes
    ----------
    name : str
        Told by ``explain`` and the audit log; ``rules[0]`` where none is configured.
    models : tuple of str
        Models to use, best first; empty leaves the choice to `task` and `complexity`.
    task, complexity : str, optional
        Replace what the judge said; the request is then routed as ``auto``.
    account : str, optional
        Only this account's targets.
    """

    name: str
    when: RuleCondition = RuleCondition()
    models: tuple[str, ...] = ()
    task: str | None = None
    complexity: Tier | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One compiled configuration.

    Attributes
    ----------
    digest : str
        12 hex digits over everything compiled; told as ``x-router-config``.
    accounts : mapping of str to Account
        Usable ones by name, in configured order.
    disabled : mapping of str to str
        Account name -> why it is not used.
    targets : mapping of str to tuple of Target
        Model id -> its targets, in configured order. Every id that a client may name
        without wildcards or aliases.
    open_accounts : tuple of Account
        Accounts without a model list: they serve any id in `models`.
    aliases : mapping of str to str
        Name a client may use -> model id.
    models : mapping of str to ModelInfo
        What ``/v1/models`` lists unless hidden, aliases included, ``auto`` not.
    drop_params : bool
        False makes a parameter that a target cannot say a 400.
    rules : tuple of Rule
        Operators' rules, in configured order.
    default_models : mapping of str to str
        LiteLLM's ``general_settings.default_models``, told by ``/admin/backends``.
    """

    digest: str
    source: Source
    accounts: Mapping[str, Account]
    targets: Mapping[str, tuple[Target, ...]]
    models: Mapping[str, ModelInfo]
    routes: Routes
    disabled: Mapping[str, str] = field(default_factory=dict)
    open_accounts: tuple[Account, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    wildcards: tuple[Wildcard, ...] = ()
    fallbacks: Fallbacks = Fallbacks()
    retry: RetryPolicy = RetryPolicy()
    timeouts: Timeouts = Timeouts()  # noqa: RUF009
    strategy: RoutingStrategy = "ordered"
    drop_params: bool = True
    auth: IngressAuth = IngressAuth()
    audit: AuditSettings = AuditSettings()
    limits: Limits = Limits()
    state_dir: str = "run"
    notes: tuple[Note, ...] = ()
    rules: tuple[Rule, ...] = ()
    default_models: Mapping[str, str] = field(default_factory=dict)
    affinity: AffinitySettings = AffinitySettings()
    metrics: MetricsSettings = MetricsSettings()

    @property
    def listed_models(self) -> int:
        """How many models a caller with every right sees listed, ``auto`` not counted."""
        return sum(not info.hidden for info in self.models.values())
