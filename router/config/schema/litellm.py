"""This module describes what we read of a LiteLLM ``config.yml``, and why not the rest.

Unknown keys are kept, not refused; `unused` lists them, and the known ones that have no
effect here, each with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields

from router.config.findings import did_you_mean
from router.config.schema.kinds import NOT_BLANK, NOT_NEGATIVE, POSITIVE, Names, described
from router.config.schema.problems import StrictSchema, join


class OpenSchema(StrictSchema):
    """A schema that keeps unknown keys."""

    class Meta:
        """What marshmallow reads."""

        unknown = INCLUDE


def _unused(reason: str) -> fields.Raw:
    """Return a key that is known, and without effect."""
    return fields.Raw(metadata={"unused": reason})


def _body(text: str) -> fields.Raw:
    """Return a body field that is set where the caller left it out."""
    return fields.Raw(metadata=described(text, body=True))


def _rate(text: str) -> fields.Decimal:
    """Return a price in USD per token."""
    return fields.Decimal(validate=NOT_NEGATIVE, metadata=described(text))


class Fallbacks(fields.Field[dict[str, tuple[str, ...]]]):
    """LiteLLM's list of ``{model: [models]}``."""

    def _deserialize(
        self,
        value: Any,
        attr: str | None,  # noqa: ARG002
        data: Mapping[str, Any] | None,  # noqa: ARG002
        **_: Any,
    ) -> dict[str, tuple[str, ...]]:
        items = [value] if isinstance(value, Mapping) else value
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            raise ValidationError("must be a list of {model: [other models]}")
        loaded: dict[str, tuple[str, ...]] = {}
        for item in items:
            for model, others in item.items():
                loaded[str(model)] = loaded.get(str(model), ()) + Names().deserialize(others)
        return loaded


class GroupAliases(fields.Field[dict[str, tuple[str, bool]]]):
    """Name -> model, or -> ``{model, hidden}``; loads as pairs."""

    def _deserialize(
        self,
        value: Any,
        attr: str | None,  # noqa: ARG002
        data: Mapping[str, Any] | None,  # noqa: ARG002
        **_: Any,
    ) -> dict[str, tuple[str, bool]]:
        if not isinstance(value, Mapping):
            raise ValidationError("must be a mapping of name: model")
        loaded, faults = {}, {}
        for name, target in value.items():
            model = target.get("model") if isinstance(target, Mapping) else target
            if isinstance(model, str) and model.strip():
                hidden = isinstance(target, Mapping) and bool(target.get("hidden"))
                loaded[str(name)] = (model.strip(), hidden)
            else:
                faults[str(name)] = ["must be a model, or {model: …, hidden: true}"]
        if faults:
            raise ValidationError(faults)
        return loaded


class ParamsSchema(OpenSchema):
    """``litellm_params`` of a deployment."""

    model = fields.String(
        required=True, validate=NOT_BLANK, metadata=described("provider/model, or a bare name.")
    )
    api_key = fields.String(metadata=described("The key, or os.environ/NAME."))
    api_base = fields.String(metadata=described("Where it is; wins over the prefix."))
    base_url = fields.String(metadata=described("Same as api_base."))
    api_version = fields.String(metadata=described("Azure's api-version."))
    organization = fields.String(metadata=described("OpenAI-Organization."))
    custom_llm_provider = fields.String(metadata=described("Wins over the prefix of model."))
    use_chat_completions_api = fields.Boolean(
        metadata=described("The provider has no /responses; it is bridged to chat.")
    )
    allow_link_local = fields.Boolean(
        metadata=described("Permit a link-local or metadata address (ours).")
    )
    rpm = fields.Integer(validate=POSITIVE, metadata=described("Requests a minute; for balance."))
    tpm = fields.Integer(validate=POSITIVE, metadata=described("Tokens a minute; for balance."))
    weight = fields.Float(validate=NOT_NEGATIVE, metadata=described("Share among deployments."))
    order = fields.Integer(metadata=described("Lower ones first."))
    timeout = fields.Float(validate=POSITIVE, metadata=described("Seconds without an answer."))
    stream_timeout = fields.Float(
        validate=POSITIVE, metadata=described("Seconds to a stream's first content.")
    )
    extra_headers = fields.Dict(
        fields.String(), fields.String(), metadata=described("Further request headers.")
    )
    headers = fields.Dict(fields.String(), fields.String(), metadata=described("Same."))
    drop_params = fields.Boolean(metadata=described("As litellm_settings.drop_params."))
    additional_drop_params = Names(metadata=described("Body fields never sent."))
    input_cost_per_token = _rate("USD per prompt token.")
    output_cost_per_token = _rate("USD per generated token.")
    cache_read_input_token_cost = _rate("USD per prompt token read from the cache.")
    cache_creation_input_token_cost = _rate("USD per prompt token stored in the cache.")
    output_cost_per_reasoning_token = _rate("USD per reasoning token.")
    complexity_router_config = fields.Dict(metadata=described("Tiers of a complexity router."))
    complexity_router_default_model = fields.String(metadata=described("Its default tier."))
    extra_body = fields.Dict(metadata=described("Body fields set where left out."))
    max_tokens = _body("Set where the caller left it out.")
    max_completion_tokens = _body("Set where the caller left it out.")
    temperature = _body("Set where the caller left it out.")
    top_p = _body("Set where the caller left it out.")
    top_k = _body("Set where the caller left it out.")
    n = _body("Set where the caller left it out.")
    stop = _body("Set where the caller left it out.")
    seed = _body("Set where the caller left it out.")
    presence_penalty = _body("Set where the caller left it out.")
    frequency_penalty = _body("Set where the caller left it out.")
    logit_bias = _body("Set where the caller left it out.")
    user = _body("Set where the caller left it out.")
    response_format = _body("Set where the caller left it out.")
    tools = _body("Set where the caller left it out.")
    tool_choice = _body("Set where the caller left it out.")
    parallel_tool_calls = _body("Set where the caller left it out.")
    reasoning_effort = _body("Set where the caller left it out.")
    verbosity = _body("Set where the caller left it out.")
    service_tier = _body("Set where the caller left it out.")
    dimensions = _body("Set where the caller left it out.")
    encoding_format = _body("Set where the caller left it out.")
    max_retries = _unused("attempts are counted for the whole request; see max_attempts")
    num_retries = _unused("attempts are counted for the whole request; see max_attempts")
    max_parallel_requests = _unused("concurrency is not limited per deployment")
    tags = _unused("there is no tag-based routing; use rules")
    region_name = _unused("the address alone says where a deployment is")
    aws_region_name = _unused("there is no Bedrock; the model is asked of Anthropic's own API")
    aws_access_key_id = _unused("there is no Bedrock; use an Anthropic key")
    aws_secret_access_key = _unused("there is no Bedrock; use an Anthropic key")
    vertex_project = _unused("Vertex models are asked of the Gemini API, with its key")
    vertex_location = _unused("Vertex models are asked of the Gemini API, with its key")
    vertex_credentials = _unused("Vertex models are asked of the Gemini API, with its key")
    mock_response = _unused("there are no mock answers; the demo account answers offline")


class InfoSchema(OpenSchema):
    """``model_info`` of a deployment."""

    id = fields.String(metadata=described("Names the deployment's account."))
    name = fields.String(metadata=described("Shown to people (ours)."))
    description = fields.String(metadata=described("Shown to people (ours)."))
    mode = fields.String(metadata=described("chat, embedding, image_generation …"))
    base_model = fields.String(metadata=described("The model to look up in our table."))
    max_input_tokens = fields.Integer(validate=POSITIVE, metadata=described("Context window."))
    max_output_tokens = fields.Integer(validate=POSITIVE, metadata=described("Longest answer."))
    max_tokens = fields.Integer(validate=POSITIVE, metadata=described("Longest answer."))
    supports_vision = fields.Boolean(metadata=described("Takes images."))
    supports_function_calling = fields.Boolean(metadata=described("Takes tools."))
    supports_response_schema = fields.Boolean(metadata=described("Takes a JSON schema."))
    supports_audio_input = fields.Boolean(metadata=described("Takes audio."))
    supports_pdf_input = fields.Boolean(metadata=described("Takes documents."))
    supports_reasoning = fields.Boolean(metadata=described("Can think."))
    supports_native_streaming = fields.Boolean(metadata=described("Can stream."))
    input_cost_per_token = _rate("USD per prompt token.")
    output_cost_per_token = _rate("USD per generated token.")
    cache_read_input_token_cost = _rate("USD per prompt token read from the cache.")
    cache_creation_input_token_cost = _rate("USD per prompt token stored in the cache.")
    output_cost_per_reasoning_token = _rate("USD per reasoning token.")
    access_groups = _unused("keys name their models; there are no groups")


class EntrySchema(OpenSchema):
    """One entry of ``model_list``."""

    model_name = fields.String(
        required=True, validate=NOT_BLANK, metadata=described("What clients name.")
    )
    litellm_params = fields.Nested(
        ParamsSchema, required=True, metadata=described("The deployment.")
    )
    model_info = fields.Nested(InfoSchema, metadata=described("What is known of it."))


class RouterSettingsSchema(OpenSchema):
    """``router_settings``."""

    routing_strategy = fields.String(metadata=described("How deployments are balanced."))
    model_group_alias = GroupAliases(metadata=described("Further names."))
    fallbacks = Fallbacks(metadata=described("Other models when one fails."))
    context_window_fallbacks = Fallbacks(metadata=described("… when the prompt is too long."))
    content_policy_fallbacks = Fallbacks(metadata=described("… when the prompt is refused."))
    default_fallbacks = Names(metadata=described("… for models without their own."))
    num_retries = fields.Integer(
        validate=NOT_NEGATIVE, metadata=described("Attempts after the first; 0: no failover.")
    )
    max_fallbacks = fields.Integer(
        validate=NOT_NEGATIVE, metadata=described("Added to the attempts.")
    )
    allowed_fails = fields.Integer(
        validate=NOT_NEGATIVE, metadata=described("Failures before a target rests.")
    )
    cooldown_time = fields.Float(validate=NOT_NEGATIVE, metadata=described("Seconds of rest."))
    disable_cooldowns = fields.Boolean(metadata=described("Never set a target aside."))
    timeout = fields.Float(validate=POSITIVE, metadata=described("Seconds without an answer."))
    stream_timeout = fields.Float(
        validate=POSITIVE, metadata=described("Seconds to a stream's first content.")
    )
    retry_after = _unused("waits follow the provider's Retry-After")
    retry_policy = _unused("which errors are tried again is fixed by their class")
    allowed_fails_policy = _unused("allowed_fails holds for every class of error")
    enable_pre_call_checks = _unused("context windows are always checked")
    enable_tag_filtering = _unused("there is no tag-based routing; use rules")
    redis_host = _unused("shared state is configured by REDIS_URL")
    redis_port = _unused("shared state is configured by REDIS_URL")
    redis_password = _unused("shared state is configured by REDIS_URL")
    redis_url = _unused("shared state is configured by REDIS_URL")


class LiteLLMSettingsSchema(OpenSchema):
    """``litellm_settings``."""

    drop_params = fields.Boolean(
        metadata=described("false: a parameter that a target cannot take is a 400.")
    )
    num_retries = fields.Integer(
        validate=NOT_NEGATIVE, metadata=described("As in router_settings, which wins.")
    )
    request_timeout = fields.Float(validate=POSITIVE, metadata=described("As router timeout."))
    fallbacks = Fallbacks(metadata=described("As in router_settings."))
    context_window_fallbacks = Fallbacks(metadata=described("As in router_settings."))
    content_policy_fallbacks = Fallbacks(metadata=described("As in router_settings."))
    default_fallbacks = Names(metadata=described("As in router_settings."))
    allowed_fails = fields.Integer(
        validate=NOT_NEGATIVE, metadata=described("As in router_settings.")
    )
    cooldown_time = fields.Float(
        validate=NOT_NEGATIVE, metadata=described("As in router_settings.")
    )
    model_alias_map = GroupAliases(metadata=described("Further names."))
    set_verbose = _unused("the log level is --log-level or LOG_LEVEL")
    json_logs = _unused("the log format is LOG_FORMAT=json")
    cache = _unused("answers are not cached")
    cache_params = _unused("answers are not cached")
    callbacks = _unused("metrics are at /metrics and decisions in the audit log")
    success_callback = _unused("metrics are at /metrics and decisions in the audit log")
    failure_callback = _unused("metrics are at /metrics and decisions in the audit log")
    turn_off_message_logging = _unused("prompts are never logged unless audit.content asks")
    redact_user_api_key_info = _unused("keys are never logged")
    max_budget = _unused("budgets are not enforced here")
    budget_duration = _unused("budgets are not enforced here")
    modify_params = _unused("what a target cannot say is dropped and named, never changed")
    telemetry = _unused("nothing is ever sent home")
    use_chat_completions_url_for_anthropic_messages = _unused(
        "formats are converted by what each provider speaks"
    )


class GeneralSettingsSchema(OpenSchema):
    """``general_settings``."""

    master_key = fields.String(metadata=described("A key with every right, or os.environ/NAME."))
    default_models = fields.Dict(
        fields.String(), fields.String(), metadata=described("chat, completion, embedding.")
    )
    completion_model = fields.String(metadata=described("As default_models.chat."))
    max_request_size_mb = fields.Float(
        validate=POSITIVE, metadata=described("Largest request body.")
    )
    user_header_name = _unused("the user is read from the key, the token or Open-WebUI's headers")
    user_header_mappings = _unused(
        "the user is read from the key, the token or Open-WebUI's headers"
    )
    max_parallel_requests = _unused("concurrency is not limited per key")
    global_max_parallel_requests = _unused("concurrency is bounded by gunicorn's connections")
    background_health_checks = _unused("health is learnt from traffic; no paid call is made")
    health_check_interval = _unused("health is learnt from traffic; no paid call is made")
    alerting = _unused("alert on /metrics")
    pass_through_endpoints = _unused("every JSON path below /v1 passes through")
    litellm_key_header_name = _unused("keys come in Authorization or x-router-key")
    allowed_ips = _unused("restrict addresses in front of the gateway")
    disable_spend_logs = _unused("spending is kept in the audit log only")
    database_url = _unused("no database is used")
    store_model_in_db = _unused("models are configured in files only")


class LiteLLMSchema(OpenSchema):
    """A LiteLLM file, entries apart, which are validated one by one."""

    model_list = fields.List(fields.Raw(), metadata=described("Deployments."))
    router_settings = fields.Nested(RouterSettingsSchema, metadata=described("Routing."))
    litellm_settings = fields.Nested(LiteLLMSettingsSchema, metadata=described("Behaviour."))
    general_settings = fields.Nested(GeneralSettingsSchema, metadata=described("The gateway."))
    environment_variables = fields.Dict(
        fields.String(),
        fields.Raw(),
        metadata=described("Looked up where neither the environment nor .env has a name."),
    )
    include = Names(metadata=described("Further files, relative to this one."))
    accounts = _unused("accounts belong in router.yaml; here each entry names its own")
    models = _unused("models belong in router.yaml; here model_info says what is known")


def unused(
    schema: Schema, document: Mapping[str, Any], path: str = ""
) -> Iterator[tuple[str, str]]:
    """List the keys of a document that have no effect, each as a path and a reason."""
    for key in document:
        field = schema.fields.get(str(key))
        if field is None:
            yield join(path, key), f"not known here{_near(str(key), schema)}"
        elif reason := field.metadata.get("unused"):
            yield join(path, key), str(reason)
        elif isinstance(field, fields.Nested) and isinstance(document[key], Mapping):
            yield from unused(field.schema, document[key], join(path, key))


def _near(key: str, schema: Schema) -> str:
    """Return a hint only where a known key is near; LiteLLM has hundreds that we lack."""
    hint = did_you_mean(key, schema.fields)
    return hint if "did you mean" in hint else ""


def body_fields() -> tuple[str, ...]:
    """Return the keys of ``litellm_params`` that are defaults for request bodies."""
    declared = ParamsSchema().fields
    return tuple(name for name, field in declared.items() if field.metadata.get("body"))
