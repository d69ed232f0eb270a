"""This module lists every way of addressing a service, by the name the configuration uses."""

from collections.abc import Mapping

from router.providers.anthropic import Anthropic
from router.providers.azure import Azure
from router.providers.base import Provider
from router.providers.demo import Demo
from router.providers.gemini import Gemini
from router.providers.openai import OpenAI

KINDS: Mapping[str, Provider] = {
    provider.kind: provider for provider in (OpenAI(), Anthropic(), Gemini(), Azure(), Demo())
}
