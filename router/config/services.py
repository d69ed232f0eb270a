"""This module is the table of well-known services: how each is addressed, and its habits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from router.config.addresses import host_of
from router.providers.base import Quirks

# Servers that know OpenAI's older name only.
_OLD_MAX = MappingProxyType({"max_completion_tokens": "max_tokens"})


@dataclass(frozen=True, slots=True)
class Service:
    """A service that accounts may name as their ``provider``.

    Attributes
    ----------
    also : tuple of str
        Further names, LiteLLM's prefixes among them.
    kind : str
        Key of ``router.providers.kinds.KINDS``.
    key_variables : tuple of str
        Where its key is looked for, first found wins, when an entry names none.
    url_variables : tuple of str
        Variables that replace `base_url`.
    responses_api : bool
        Whether it has OpenAI's ``/responses``.
    completions_api : bool
        Whether it has OpenAI's legacy ``/completions``.
    is_local : bool
        Runs without a key.
    is_reseller : bool
        Serves other houses' models, so that its model ids are prefixed with its name.
    versioned : bool
        False where endpoints stand right below `base_url`.
    """

    name: str
    base_url: str | None = None
    key_variables: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    kind: str = "openai"
    url_variables: tuple[str, ...] = ()
    responses_api: bool = False
    completions_api: bool = True
    is_local: bool = False
    is_reseller: bool = False
    versioned: bool = True
    rename: Mapping[str, str] = field(default_factory=dict)

    @property
    def quirks(self) -> Quirks:
        """How its servers depart from the format they speak."""
        return Quirks(
            rename=self.rename,
            responses_api=self.responses_api,
            completions_api=self.completions_api,
            versioned=self.versioned,
        )

    def is_at(self, base_url: str) -> bool:
        """Tell whether an address is the service's own, so that its key and prices hold."""
        return self.base_url is not None and host_of(self.base_url) == host_of(base_url)


SERVICES: tuple[Service, ...] = (
    Service(
        "openai",
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        also=("text-completion-openai", "custom_openai", "openai_like", "openai-compatible"),
        url_variables=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        responses_api=True,
    ),
    Service(
        "anthropic",
        "https://api.anthropic.com",
        ("ANTHROPIC_API_KEY", "CLAUDE_API_KEY"),
        also=("claude", "anthropic_text", "bedrock"),
        kind="anthropic",
        url_variables=("ANTHROPIC_BASE_URL",),
    ),
    Service(
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        also=("google", "vertex_ai", "vertex_ai_beta", "vertex"),
        kind="gemini",
    ),
    Service(
        "azure",
        None,
        ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"),
        also=("azure_openai", "azure-openai"),
        kind="azure",
        url_variables=("AZURE_API_BASE", "AZURE_OPENAI_ENDPOINT"),
        responses_api=True,
    ),
    Service(
        "xai",
        "https://api.x.ai/v1",
        ("XAI_API_KEY", "GROK_API_KEY"),
        also=("grok", "x-ai"),
        responses_api=True,
    ),
    Service(
        "groq",
        "https://api.groq.com/openai/v1",
        ("GROQ_API_KEY",),
        responses_api=True,
        is_reseller=True,
        completions_api=False,
    ),
    Service(
        "mistral",
        "https://api.mistral.ai/v1",
        ("MISTRAL_API_KEY",),
        also=("mistralai", "codestral"),
        rename={**_OLD_MAX, "seed": "random_seed"},
        completions_api=False,
    ),
    Service(
        "deepseek",
        "https://api.deepseek.com",
        ("DEEPSEEK_API_KEY",),
        rename=_OLD_MAX,
        completions_api=False,
    ),
    Service(
        "openrouter",
        "https://openrouter.ai/api/v1",
        ("OPENROUTER_API_KEY",),
        responses_api=True,
        is_reseller=True,
    ),
    Service(
        "together",
        "https://api.together.xyz/v1",
        ("TOGETHER_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_API_KEY"),
        also=("together_ai", "togetherai"),
        is_reseller=True,
        rename=_OLD_MAX,
    ),
    Service(
        "fireworks",
        "https://api.fireworks.ai/inference/v1",
        ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"),
        also=("fireworks_ai",),
        is_reseller=True,
        rename=_OLD_MAX,
    ),
    Service(
        "perplexity",
        "https://api.perplexity.ai",
        ("PERPLEXITY_API_KEY", "PERPLEXITYAI_API_KEY"),
        versioned=False,
        rename=_OLD_MAX,
        completions_api=False,
    ),
    Service(
        "nvidia",
        "https://integrate.api.nvidia.com/v1",
        ("NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"),
        also=("nvidia_nim", "nim"),
        is_reseller=True,
        rename=_OLD_MAX,
    ),
    Service(
        "github",
        "https://models.github.ai/inference",
        ("GITHUB_API_KEY", "GITHUB_TOKEN"),
        also=("github-models", "github_models"),
        is_reseller=True,
        versioned=False,
        completions_api=False,
    ),
    Service(
        "ollama",
        "http://localhost:11434",
        also=("ollama_chat",),
        url_variables=("OLLAMA_API_BASE", "OLLAMA_HOST"),
        responses_api=True,
        is_local=True,
        rename=_OLD_MAX,
    ),
    Service(
        "lmstudio",
        "http://localhost:1234/v1",
        also=("lm_studio", "lm-studio"),
        url_variables=("LM_STUDIO_API_BASE", "LMSTUDIO_HOST"),
        responses_api=True,
        is_local=True,
        rename=_OLD_MAX,
    ),
    Service(
        "vllm",
        "http://localhost:8000/v1",
        also=("hosted_vllm",),
        url_variables=("HOSTED_VLLM_API_BASE",),
        responses_api=True,
        is_local=True,
    ),
    Service(
        "llamacpp",
        "http://localhost:8080/v1",
        also=("llama.cpp", "llama_cpp", "llama-cpp", "llamafile"),
        # Its /responses leaves out content_index, which OpenAI's SDKs need: bridged.
        responses_api=False,
        is_local=True,
    ),
    Service("cerebras", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",), is_reseller=True),
    Service(
        "cohere",
        "https://api.cohere.ai/compatibility/v1",
        ("COHERE_API_KEY", "CO_API_KEY"),
        also=("cohere_chat",),
        rename=_OLD_MAX,
        completions_api=False,
    ),
    Service(
        "moonshot",
        "https://api.moonshot.ai/v1",
        ("MOONSHOT_API_KEY",),
        also=("moonshotai",),
        rename=_OLD_MAX,
        completions_api=False,
    ),
    Service(
        "zai",
        "https://api.z.ai/api/paas/v4",
        ("ZAI_API_KEY",),
        also=("z-ai", "z.ai", "zhipuai"),
        rename=_OLD_MAX,
        completions_api=False,
    ),
    Service(
        "dashscope",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        ("DASHSCOPE_API_KEY",),
        also=("alibaba",),
        rename=_OLD_MAX,
    ),
    Service(
        "hyperbolic",
        "https://api.hyperbolic.xyz/v1",
        ("HYPERBOLIC_API_KEY",),
        is_reseller=True,
        rename=_OLD_MAX,
    ),
    Service(
        "sambanova",
        "https://api.sambanova.ai/v1",
        ("SAMBANOVA_API_KEY",),
        is_reseller=True,
        rename=_OLD_MAX,
    ),
    Service(
        "deepinfra",
        "https://api.deepinfra.com/v1/openai",
        ("DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"),
        is_reseller=True,
        rename=_OLD_MAX,
    ),
    Service(
        "huggingface",
        "https://router.huggingface.co/v1",
        ("HF_TOKEN", "HUGGINGFACE_API_KEY"),
        is_reseller=True,
        rename=_OLD_MAX,
        completions_api=False,
    ),
    Service(
        "novita",
        "https://api.novita.ai/v3/openai",
        ("NOVITA_API_KEY",),
        is_reseller=True,
        rename=_OLD_MAX,
    ),
    Service("demo", "demo://local", kind="demo", is_local=True),
)

_BY_NAME = {name: service for service in SERVICES for name in (service.name, *service.also)}

# Names that say whose they are without a prefix.
_BARE = (
    (
        re.compile(r"(gpt-(?!oss)|chatgpt-|o\d|text-embedding-|dall-e|tts-|whisper-|codex-)"),
        "openai",
    ),
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"gemini-"), "gemini"),
    (re.compile(r"grok-"), "xai"),
    (
        re.compile(r"(mistral-|ministral-|magistral-|codestral-|devstral-|pixtral-|open-mi)"),
        "mistral",
    ),
    (re.compile(r"deepseek-(chat|reasoner|flash|v\d)"), "deepseek"),
)


def service_named(name: str) -> Service | None:
    """Return the service that a provider name or LiteLLM prefix means.

    Examples
    --------
    >>> service_named("Grok").name, service_named("my-gpu")
    ('xai', None)
    """
    return _BY_NAME.get(name.strip().lower())


def service_of_model(model: str) -> Service | None:
    """Return the service that a bare model name belongs to.

    Examples
    --------
    >>> service_of_model("claude-sonnet-4").name, service_of_model("llama-3")
    ('anthropic', None)
    """
    return next((_BY_NAME[name] for pattern, name in _BARE if pattern.match(model)), None)


def same_provider(one: str, other: str) -> bool:
    """Tell whether two provider names mean the same service, whatever their case."""
    first, second = service_named(one), service_named(other)
    if first and second:
        return first.name == second.name
    return one.lower() == other.lower()


def known_providers() -> tuple[str, ...]:
    """Return every name that a provider may go by."""
    return tuple(_BY_NAME)
