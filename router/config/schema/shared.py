"""This module describes the keys that router.yaml and a LiteLLM file have in common."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from router.config.schema.kinds import (
    HEADER_NAME,
    LABEL,
    NOT_BLANK,
    NOT_NEGATIVE,
    POSITIVE,
    Names,
    Pattern,
    described,
)
from router.config.schema.problems import StrictSchema

TIERS = ("low", "medium", "high", "xhigh", "default")
STRATEGIES = (
    "ordered",
    "simple-shuffle",
    "least-busy",
    "latency-based-routing",
    "cost-based-routing",
)
_HAS = (
    "tools",
    "images",
    "audio",
    "documents",
    "json",
    "schema",
    "reasoning",
    "stream",
    "system",
    "tool_loop",
)


class TimeoutsSchema(StrictSchema):
    """Deadlines, each in seconds."""

    connect_s = fields.Float(validate=POSITIVE, metadata=described("DNS, TCP and TLS; default 5."))
    first_content_s = fields.Float(
        validate=POSITIVE,
        metadata=described("From sending to a stream's first content; default 120."),
    )
    idle_s = fields.Float(
        validate=POSITIVE, metadata=described("Between two pieces of an answer; default 120.")
    )
    total_s = fields.Float(
        validate=POSITIVE,
        metadata=described(
            "The whole request, all attempts; of an account, one call; default 600."
        ),
    )
    keep_alive_s = fields.Float(
        validate=POSITIVE,
        metadata=described("Silence in a stream until its client is sent a comment; default 15."),
    )


class PriceSchema(StrictSchema):
    """USD per million tokens; a rate left out is unknown, 0 is free."""

    input = fields.Decimal(validate=NOT_NEGATIVE, metadata=described("Prompt tokens."))
    output = fields.Decimal(validate=NOT_NEGATIVE, metadata=described("Generated tokens."))
    cached = fields.Decimal(
        validate=NOT_NEGATIVE, metadata=described("Prompt tokens read from the cache.")
    )
    cache_write = fields.Decimal(
        validate=NOT_NEGATIVE, metadata=described("Prompt tokens stored in the cache.")
    )
    reasoning = fields.Decimal(
        validate=NOT_NEGATIVE, metadata=described("Reasoning tokens, where priced apart.")
    )


class RouteSchema(StrictSchema):
    """One task's models by complexity; each a model id or a list, best first."""

    low = Names(metadata=described("Short and easy requests; falls through to medium."))
    medium = Names(metadata=described("Falls through to high."))
    high = Names(metadata=described("Falls through to xhigh."))
    xhigh = Names(metadata=described("The hardest requests; falls through to high."))
    default = Names(metadata=described("Where no other tier is given."))


class ComplexitySchema(StrictSchema):
    """Lengths in characters up to which a request counts as low, medium, high."""

    low_max_chars = fields.Integer(validate=POSITIVE, metadata=described("Default 1200."))
    medium_max_chars = fields.Integer(validate=POSITIVE, metadata=described("Default 6000."))
    high_max_chars = fields.Integer(validate=POSITIVE, metadata=described("Default 16000."))

    @validates_schema
    def check_order(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse thresholds that do not grow."""
        low = data.get("low_max_chars", 1200)
        medium = data.get("medium_max_chars", 6000)
        if not low <= medium <= data.get("high_max_chars", 16000):
            raise ValidationError("must grow: low_max_chars ≤ medium_max_chars ≤ high_max_chars")


class ProfileSchema(StrictSchema):
    """What you say of a model, for learned routing and cost."""

    quality_bias = fields.Float(metadata=described("Added to the quality score; default 0."))
    quality_sensitivity = fields.Float(metadata=described("Scales the features; default 1."))
    cost_input_per_1k = fields.Decimal(
        validate=NOT_NEGATIVE, metadata=described("USD per 1,000 prompt tokens; 0 is free.")
    )
    cost_output_per_1k = fields.Decimal(
        validate=NOT_NEGATIVE, metadata=described("USD per 1,000 generated tokens; 0 is free.")
    )
    latency_ms = fields.Float(
        validate=NOT_NEGATIVE, metadata=described("Usual time to an answer, in milliseconds.")
    )
    failure_rate = fields.Float(
        validate=validate.Range(min=0, max=1, error="must be from 0 to 1"),
        metadata=described("Share of calls that fail."),
    )


class UtilityWeightsSchema(StrictSchema):
    """What cost, latency and failures take off a model's utility."""

    cost = fields.Float(metadata=described("Per USD; default 12."))
    latency = fields.Float(metadata=described("Per second; default 0.2."))
    failure = fields.Float(metadata=described("Per unit of failure rate; default 3."))


class LearnedRoutingSchema(StrictSchema):
    """Ranking of candidates by utility instead of by configured order."""

    enabled = fields.Boolean(metadata=described("Default false."))
    bias = fields.Float(metadata=described("Constant of the quality score; default -4."))
    default_output_tokens = fields.Integer(
        validate=POSITIVE, metadata=described("Assumed where a request sets no limit; default 512.")
    )
    feature_weights = fields.Dict(
        fields.String(),
        fields.Float(),
        metadata=described("Feature name -> weight in the quality score."),
    )
    task_candidates = fields.Dict(
        fields.String(), Names(), metadata=described("Task -> further models to consider.")
    )
    utility_weights = fields.Nested(
        UtilityWeightsSchema, metadata=described("What the score is charged with.")
    )


class KeySchema(StrictSchema):
    """A key that callers present; exactly one of digest, key_env and key."""

    name = fields.String(
        required=True, validate=LABEL, metadata=described("Told in the audit log.")
    )
    digest = fields.String(
        validate=validate.Regexp(
            r"sha256:[0-9a-fA-F]{64}\Z", error='must be "sha256:" and 64 hex digits'
        ),
        metadata=described("SHA-256 of the key, as sha256:<64 hex digits>."),
    )
    key_env = fields.String(
        validate=NOT_BLANK, metadata=described("Variable, file or credential that holds the key.")
    )
    key = fields.String(
        validate=NOT_BLANK, metadata=described("The key itself, or a reference as ${NAME}.")
    )
    models = Names(metadata=described("Globs of the models it may use; none means all."))
    admin = fields.Boolean(metadata=described("May use /admin; default false."))
    trust_user_headers = fields.Boolean(
        metadata=described("Believe its X-OpenWebUI-User-Id: who asks; default false.")
    )

    @validates_schema
    def check_one(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a key that is given twice, or not at all."""
        if sum(name in data for name in ("digest", "key_env", "key")) != 1:
            raise ValidationError("needs exactly one of digest, key_env and key")


class ConditionSchema(StrictSchema):
    """When a rule fires: all that is set must hold. Texts are globs; lists mean any of them."""

    model = Names(metadata=described("The model as the caller named it; auto where it did not."))
    task = Names(metadata=described("The task as judged."))
    complexity = Names(metadata=described("The complexity as judged."))
    header = fields.Dict(
        fields.String(validate=HEADER_NAME),
        fields.String(),
        metadata=described("Header name -> glob over its value; * means present."),
    )
    key = Names(metadata=described("Name of the caller's key."))
    user = Names(metadata=described("The user that the request names."))
    endpoint = Names(metadata=described("The path, as /v1/chat/*."))
    tokens_over = fields.Integer(
        validate=NOT_NEGATIVE, metadata=described("Estimated prompt tokens, more than.")
    )
    has = Names(metadata=described(f"All of: {', '.join(_HAS)}."))
    matches = Pattern(metadata=described("Regular expression searched in the last user turn."))

    @validates_schema
    def check_words(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse words that no request could ever have."""
        if unknown := sorted(set(data.get("has", ())) - set(_HAS)):
            raise ValidationError({"has": [f'knows no "{unknown[0]}"; known: {", ".join(_HAS)}']})
        if unknown := sorted(set(data.get("complexity", ())) - set(TIERS[:4])):
            raise ValidationError(
                {"complexity": [f'knows no "{unknown[0]}"; known: {", ".join(TIERS[:4])}']}
            )


class ConsequenceSchema(StrictSchema):
    """What a rule does."""

    model = fields.String(validate=NOT_BLANK, metadata=described("The model to use."))
    models = Names(metadata=described("The models to use, best first."))
    task = fields.String(validate=LABEL, metadata=described("Route as this task."))
    complexity = fields.String(
        validate=validate.OneOf(TIERS[:4], error=f"must be one of {', '.join(TIERS[:4])}"),
        metadata=described("Route as this complexity."),
    )
    account = fields.String(validate=LABEL, metadata=described("Use this account only."))

    @validates_schema
    def check_some(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a rule that does nothing, or says its models twice."""
        if not data:
            raise ValidationError("needs one of model, models, task, complexity and account")
        if "model" in data and "models" in data:
            raise ValidationError("takes model or models, not both")


class RuleSchema(StrictSchema):
    """Your word over the judge's; the first rule that fires decides."""

    name = fields.String(validate=LABEL, metadata=described("Told by explain."))
    when = fields.Nested(ConditionSchema, metadata=described("Conditions; none always holds."))
    then = fields.Nested(
        ConsequenceSchema, required=True, metadata=described("What is done instead.")
    )


class AffinitySchema(StrictSchema):
    """How a conversation keeps its model under auto."""

    enabled = fields.Boolean(
        metadata=described("false judges each request for itself; default true.")
    )
    ttl_s = fields.Integer(
        strict=True,
        validate=validate.Range(1, 86_400, error="must be from 1 to 86400"),
        metadata=described("Seconds of silence after which a conversation is forgotten; 3600."),
    )
    cold_after_s = fields.Integer(
        strict=True,
        validate=validate.Range(0, 86_400, error="must be from 0 to 86400"),
        metadata=described(
            "Seconds after which an easier turn may move to a cheaper model, as the provider's "
            "prompt cache is cold by then; default 300."
        ),
    )


class LimitsSchema(StrictSchema):
    """What a request may be."""

    max_body_bytes = fields.Integer(
        validate=POSITIVE, metadata=described("Largest request body; default 33554432.")
    )
    body_timeout_s = fields.Float(
        validate=POSITIVE, metadata=described("Seconds a body may take to arrive; default 60.")
    )


class AuditSchema(StrictSchema):
    """The audit log; ROUTER_AUDIT_LOG_* win over these."""

    enabled = fields.Boolean(metadata=described("Default true."))
    path = fields.String(
        validate=NOT_BLANK, metadata=described("Default logs/router_decisions.jsonl.")
    )
    content = fields.String(
        validate=validate.OneOf(("none", "preview"), error="must be none or preview"),
        metadata=described("preview also writes the first characters of prompts."),
    )


class MetricsSchema(StrictSchema):
    """Prometheus' GET /metrics; OBSERVABILITY_METRICS_ENABLED wins over `enabled`."""

    enabled = fields.Boolean(metadata=described("Count, and serve /metrics; default true."))
    public = fields.Boolean(
        metadata=described("Serve /metrics to callers without a key; default false.")
    )


class SharedSchema(StrictSchema):
    """Keys that both kinds of file may carry."""

    default_model = fields.String(
        metadata=described("The model of auto where no route says more; default: the first.")
    )
    task_routes = fields.Dict(
        fields.String(validate=LABEL),
        fields.Nested(RouteSchema),
        metadata=described(
            "Task (coding, thinking, instruction_following, general, image, housekeeping) -> "
            "models by complexity."
        ),
    )
    fallback_models = Names(metadata=described("Tried after the models of a route."))
    retry_statuses = fields.List(
        fields.Integer(
            strict=True, validate=validate.Range(400, 599, error="must be from 400 to 599")
        ),
        metadata=described("Provider statuses that lead to the next target."),
    )
    complexity = fields.Nested(ComplexitySchema, metadata=described("Length thresholds."))
    model_profiles = fields.Dict(
        fields.String(), fields.Nested(ProfileSchema), metadata=described("Model -> profile.")
    )
    learned_routing = fields.Nested(LearnedRoutingSchema, metadata=described("Ranking by utility."))
    routing_strategy = fields.String(
        validate=validate.OneOf(STRATEGIES, error=f"must be one of {', '.join(STRATEGIES)}"),
        metadata=described("How to choose among several targets of one model."),
    )
    aliases = fields.Dict(
        fields.String(validate=NOT_BLANK),
        fields.String(validate=NOT_BLANK),
        metadata=described("Further name -> model."),
    )
    fallbacks = fields.Dict(
        fields.String(validate=NOT_BLANK),
        Names(),
        metadata=described("Model named by a caller -> other models when it fails; * is any."),
    )
    timeouts = fields.Nested(TimeoutsSchema, metadata=described("Deadlines."))
    max_attempts = fields.Integer(
        validate=validate.Range(1, 100, error="must be from 1 to 100"),
        metadata=described("Calls for one request, at most; default 3."),
    )
    drop_params = fields.Boolean(
        metadata=described("false: a parameter that a target cannot take is a 400.")
    )
    keys = fields.List(fields.Nested(KeySchema), metadata=described("Keys that callers present."))
    rules = fields.List(
        fields.Nested(RuleSchema), metadata=described("Rules over auto and explicit models.")
    )
    affinity = fields.Nested(
        AffinitySchema, metadata=described("How a conversation keeps its model.")
    )
    limits = fields.Nested(LimitsSchema, metadata=described("What a request may be."))
    audit = fields.Nested(AuditSchema, metadata=described("The audit log."))
    metrics = fields.Nested(MetricsSchema, metadata=described("Prometheus metrics."))
