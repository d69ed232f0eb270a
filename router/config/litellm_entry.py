"""This module reads one deployment of a LiteLLM ``model_list``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from router.config.accounts import Builder
from router.config.addresses import take_api_version
from router.config.facts import Stated, merged_price, price_per_token
from router.config.models_table import CAPABILITIES, capabilities_from
from router.config.secrets import Resolved
from router.config.services import Service, service_named, service_of_model
from router.config.timing import without_answer
from router.providers.base import Account, Quirks, Timeouts

_CAPABILITY_KEYS = {
    "supports_vision": "vision",
    "supports_function_calling": "tools",
    "supports_response_schema": "json_schema",
    "supports_audio_input": "audio",
    "supports_pdf_input": "documents",
    "supports_reasoning": "reasoning",
    "supports_native_streaming": "streaming",
}
# As in openai/responses/gpt-5-codex: a model that only /responses serves.
_RESPONSES_ONLY = "responses/"
_MODES = {"embedding": frozenset({"embeddings"}), "image_generation": frozenset({"images"})}
# anthropic.claude-3-5-sonnet-20240620-v1:0, with or without a region before it.
_BEDROCK = re.compile(r"(?:[\w-]+\.)?anthropic\.(claude-[\w.-]+?)(?:-v\d+)?(?::\d+)?$")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a deployment is, by ``model`` and what stands beside it.

    Attributes
    ----------
    upstream : str
        The model's name there.
    """

    service: Service | None
    provider: str
    upstream: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a deployment is not used."""

    reason: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """One entry, read; `account` still without its final name."""

    model: str
    path: str
    address: Address
    account: Account
    own_name: str | None
    missing: tuple[str, ...]
    params: Mapping[str, Any]
    stated: Stated


def locate(params: Mapping[str, Any]) -> Address | Unusable:
    """Return where an entry leads; a prefix only chooses what the entry leaves open.

    Examples
    --------
    >>> locate({"model": "groq/grok-4"}).provider
    'xai'
    >>> locate({"model": "together_ai/meta-llama/Llama-3"}).upstream
    'meta-llama/Llama-3'
    """
    model, given = params["model"], params.get("custom_llm_provider")
    has_base = "api_base" in params or "base_url" in params
    prefix, slash, rest = model.partition("/")
    named = service_named(given) if given else None
    if given and named is None and not has_base:
        return Unusable(f'custom_llm_provider "{given}" is not known here; give api_base')
    if given:
        upstream = rest if slash and _same(prefix, given, named) else model
        return Address(named, given.lower(), upstream)
    service = service_named(prefix) if slash else service_of_model(model)
    if service is None and not has_base:
        return Unusable(f'nothing says where "{model}" is; add a provider prefix or api_base')
    if service is None:
        # A server of one's own that speaks OpenAI's format, asked for the name as it stands.
        return Address(service_named("openai"), "openai", model)
    upstream = rest if slash else model
    if prefix == "bedrock":
        match = _BEDROCK.search(upstream)
        upstream = match[1] if match else upstream
    if service.name == "groq" and upstream.startswith("grok-") and not has_base:
        service = service_named("xai") or service
    is_gemini = upstream.startswith(("gemini", "gemma", "*", "text-emb"))
    if prefix.startswith("vertex") and not is_gemini and not has_base:
        return Unusable(f'Vertex serves "{upstream}" in a format that is not spoken here')
    upstream = upstream.removeprefix("models/").removeprefix(_RESPONSES_ONLY)
    return Address(service, service.name, upstream)


def read_deployment(entry: Mapping[str, Any], path: str, builder: Builder) -> Deployment | Unusable:
    """Return a validated entry as a deployment."""
    params, info = entry["litellm_params"], entry.get("model_info", {})
    missing: list[str] = []
    params = {**params, **_expanded(params, builder, missing)}
    address = locate(params)
    if isinstance(address, Unusable):
        return address
    base_url, api_version = _base_url(params, address, path, builder)
    if base_url is None and not missing:
        return Unusable(f"no address for {address.provider}; give api_base")
    key = _key(params, address, base_url or "", builder)
    missing.extend(key.missing)
    headers = {**params.get("headers", {}), **params.get("extra_headers", {})}
    account = Account(
        name=address.provider,
        provider=address.provider,
        kind=address.service.kind if address.service else "openai",
        base_url=base_url or "",
        api_key=builder.sendable(key.secret, missing),
        organization=params.get("organization"),
        headers=builder.headers(headers, f"{path}.litellm_params.extra_headers", missing),
        api_version=params.get("api_version") or api_version,
        quirks=_quirks(params, info, address),
    )
    return Deployment(
        model=entry["model_name"].strip(),
        path=path,
        address=address,
        account=account,
        own_name=info.get("id"),
        missing=tuple(missing),
        params=params,
        stated=stated_by(params, info),
    )


def deadlines(params: Mapping[str, Any], base: Timeouts) -> Timeouts | None:
    """Return a deployment's own deadlines, from ``timeout`` and ``stream_timeout``."""
    timeouts = base
    if "timeout" in params:
        timeouts = without_answer(timeouts, params["timeout"])
    if "stream_timeout" in params:
        timeouts = replace(timeouts, first_content_s=params["stream_timeout"])
    return None if timeouts == base else timeouts


def stated_by(params: Mapping[str, Any], info: Mapping[str, Any]) -> Stated:
    """Return what an entry says of its model."""
    said = {name: info[key] for key, name in _CAPABILITY_KEYS.items() if key in info}
    mode = info.get("mode")
    return Stated(
        name=info.get("name"),
        description=info.get("description"),
        context_window_tokens=info.get("max_input_tokens"),
        max_output_tokens=info.get("max_output_tokens") or info.get("max_tokens"),
        capabilities=_capabilities(said, mode),
        able=frozenset(name for name, able in said.items() if able),
        unable=frozenset(name for name, able in said.items() if not able),
        mode=mode,
        price=merged_price(price_per_token(params), price_per_token(info)),
    )


def _capabilities(said: Mapping[str, bool], mode: str | None) -> frozenset[str] | None:
    """Return the whole set, where the entry's mode or a denial tells it."""
    if mode in _MODES:
        return capabilities_from(_MODES[mode])
    denied = {name for name, able in said.items() if not able}
    # What is denied must be left out of something: of all there is.
    return CAPABILITIES - denied if denied else None


def _expanded(params: Mapping[str, Any], builder: Builder, missing: list[str]) -> dict[str, str]:
    """Return the plain text keys that may be references, resolved."""
    values = {}
    for name in ("model", "api_base", "base_url", "api_version", "organization"):
        text = params.get(name)
        if text and ("os.environ/" in text or "${" in text):
            resolved = builder.secrets.expand(text)
            missing.extend(resolved.missing)
            values[name] = resolved.text or text
    return values


def _base_url(
    params: Mapping[str, Any], address: Address, path: str, builder: Builder
) -> tuple[str | None, str | None]:
    """Return the checked address, and the api-version that stood in it."""
    text = params.get("api_base") or params.get("base_url")
    where = f"{path}.litellm_params.api_base"
    service = address.service
    if not text and service:
        for variable in service.url_variables:
            if text := builder.secrets.env.get(variable, "").strip():
                where = variable
                text = text if "://" in text else f"http://{text}"
                break
    if not text:
        return (service.base_url if service else None), None
    if "os.environ/" in text or "${" in text:
        return None, None
    version = None
    if service and service.kind == "azure":
        text, version = take_api_version(text)
    checked = builder.base_url(text, where, allow_link_local=params.get("allow_link_local", False))
    return checked, version


def _key(params: Mapping[str, Any], address: Address, base_url: str, builder: Builder) -> Resolved:
    """Return the entry's key; a service's own variable only at its own address."""
    if literal := params.get("api_key"):
        return builder.secrets.expand(literal)
    service = address.service
    if service is None or not service.key_variables:
        return Resolved()
    at_home = service.is_at(base_url) or (service.kind == "azure" and bool(base_url))
    return builder.service_key(service) if at_home else Resolved()


def _quirks(params: Mapping[str, Any], info: Mapping[str, Any], address: Address) -> Quirks:
    """Return the server's habits; the entry may deny it either of OpenAI's chat formats."""
    known = address.service.quirks if address.service else Quirks(responses_api=False)
    if params.get("use_chat_completions_api"):
        return replace(known, responses_api=False)
    if f"/{_RESPONSES_ONLY}" in params["model"] or info.get("mode") == "responses":
        return replace(known, chat_api=False)
    return known


def _same(prefix: str, given: str, service: Service | None) -> bool:
    """Tell whether a prefix repeats the provider that is named beside it."""
    if prefix.lower() == given.lower():
        return True
    return service is not None and service_named(prefix) == service
