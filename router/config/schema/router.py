"""This module describes router.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import INCLUDE, ValidationError, fields, validate

from router.config.schema.kinds import HEADER_NAME, LABEL, NOT_BLANK, POSITIVE, Names, described
from router.config.schema.problems import StrictSchema
from router.config.schema.shared import PriceSchema, SharedSchema, TimeoutsSchema

_KINDS = ("openai", "anthropic", "gemini", "azure", "demo")
_AUTH_MODES = ("api_key", "oauth", "passthrough")


class QuirksSchema(StrictSchema):
    """Where a server departs from the format it claims to speak."""

    rename = fields.Dict(
        fields.String(), fields.String(), metadata=described("Body field -> its name there.")
    )
    drop = Names(metadata=described("Body fields that it refuses."))
    chat_api = fields.Boolean(
        metadata=described("false where it has /responses and no /chat/completions.")
    )
    responses_api = fields.Boolean(metadata=described("Whether it has /responses."))
    completions_api = fields.Boolean(metadata=described("Whether it has /completions."))
    versioned = fields.Boolean(
        metadata=described("false where its paths carry no /v1 below base_url.")
    )


def _reference(text: str) -> fields.String:
    """Return the field for the name of a variable."""
    return fields.String(validate=NOT_BLANK, metadata=described(text))


class AccountSchema(StrictSchema):
    """One credential at one provider. Of a value and its _env twin, the variable wins."""

    name = fields.String(
        required=True, validate=LABEL, metadata=described("Told in answers and logs; unique.")
    )
    provider = fields.String(
        load_default="openai",
        validate=LABEL,
        metadata=described("A well-known service, or a name of your own; default openai."),
    )
    kind = fields.String(
        validate=validate.OneOf(_KINDS, error=f"must be one of {', '.join(_KINDS)}"),
        metadata=described("How it is addressed; default by provider, else openai."),
    )
    base_url = fields.String(metadata=described("With or without /v1; default by provider."))
    allow_link_local = fields.Boolean(
        metadata=described("Permit a link-local or metadata address; default false.")
    )
    enabled = fields.Boolean(metadata=described("Default true."))
    auth_mode = fields.String(
        validate=validate.OneOf(_AUTH_MODES, error=f"must be one of {', '.join(_AUTH_MODES)}"),
        metadata=described("api_key (default), oauth, or passthrough of the caller's own."),
    )
    api_key = fields.String(
        metadata=described("The key, or a reference: ${NAME} or os.environ/NAME.")
    )
    api_key_env = _reference("Variable that holds the key.")
    oauth_access_token = fields.String(metadata=described("For auth_mode oauth."))
    oauth_access_token_env = _reference("Variable that holds it.")
    oauth_refresh_token = fields.String(metadata=described("Renews the access token."))
    oauth_refresh_token_env = _reference("Variable that holds it.")
    oauth_expires_at = fields.Integer(metadata=described("Seconds since the epoch."))
    oauth_expires_at_env = _reference("Variable that holds it.")
    oauth_token_url = fields.String(metadata=described("Where tokens are renewed."))
    oauth_client_id = fields.String(metadata=described("Of the OAuth client."))
    oauth_client_id_env = _reference("Variable that holds it.")
    oauth_client_secret = fields.String(metadata=described("Of the OAuth client."))
    oauth_client_secret_env = _reference("Variable that holds it.")
    oauth_account_id = fields.String(metadata=described("Sent where a service wants it."))
    oauth_account_id_env = _reference("Variable that holds it.")
    organization = fields.String(metadata=described("OpenAI-Organization."))
    project = fields.String(metadata=described("OpenAI-Project."))
    models = Names(metadata=described("Models it serves; none means every listed model."))
    headers = fields.Dict(
        fields.String(validate=HEADER_NAME),
        fields.String(),
        metadata=described("Further request headers; references are replaced."),
    )
    api_version = fields.String(metadata=described("Azure's api-version, or Gemini's version."))
    quirks = fields.Nested(QuirksSchema, metadata=described("Departures from the format."))
    timeouts = fields.Nested(TimeoutsSchema, metadata=described("Its own deadlines."))
    proxy = fields.String(validate=NOT_BLANK, metadata=described("Proxy URL for its calls."))
    ca_bundle = fields.String(
        validate=NOT_BLANK, metadata=described("File with the CA certificates to trust.")
    )


class ModelSchema(StrictSchema):
    """What is known of a model; further keys are kept as they are."""

    class Meta:
        """What marshmallow reads."""

        unknown = INCLUDE

    id = fields.String(
        validate=NOT_BLANK, metadata=described("Its name at the provider, where it differs.")
    )
    name = fields.String(metadata=described("Shown to people."))
    description = fields.String(metadata=described("Shown to people."))
    context_window = fields.Integer(validate=POSITIVE, metadata=described("In tokens."))
    context_length = fields.Integer(validate=POSITIVE, metadata=described("Same."))
    max_output_tokens = fields.Integer(validate=POSITIVE, metadata=described("In tokens."))
    capabilities = Names(
        metadata=described(
            "All it can do, of vision, tools, json_schema, audio, documents, reasoning, "
            "embeddings, images; left out: unknown, which counts as able."
        )
    )
    mode = fields.String(metadata=described("chat, embedding, image_generation …"))
    tier = fields.String(
        validate=validate.OneOf(
            ("low", "medium", "high", "xhigh"), error="must be one of low, medium, high, xhigh"
        ),
        metadata=described("For information."),
    )
    created = fields.Integer(metadata=described("Seconds since the epoch."))
    price = fields.Nested(PriceSchema, metadata=described("USD per million tokens."))


class Models(fields.Field[dict[str, dict[str, Any]]]):
    """A list of model ids, or a mapping of id to what is known of the model."""

    def _deserialize(
        self,
        value: Any,
        attr: str | None,  # noqa: ARG002
        data: Mapping[str, Any] | None,  # noqa: ARG002
        **_: Any,
    ) -> dict[str, dict[str, Any]]:
        if isinstance(value, list):
            return {name: {} for name in Names().deserialize(value)}
        if not isinstance(value, dict):
            raise ValidationError("must be a list of model ids, or a mapping of id: metadata")
        schema, loaded, faults = ModelSchema(), {}, {}
        for key, metadata in value.items():
            try:
                loaded[str(key)] = schema.load({} if metadata is None else metadata)
            except ValidationError as error:
                faults[str(key)] = error.messages
        if faults:
            raise ValidationError(faults)
        return loaded


class RouterSchema(SharedSchema):
    """router.yaml."""

    models = Models(metadata=described("Model ids, or a mapping of provider/id to metadata."))
    accounts = fields.List(
        fields.Nested(AccountSchema), metadata=described("Credentials at providers.")
    )
