"""Claude's generations are told apart by their names, in every service's spelling."""

from __future__ import annotations

import pytest

from router.canonical.request import ModelTraits
from router.formats.anthropic_messages.models import dialect_of


@pytest.mark.parametrize(
    ("name", "thinking", "off", "sampling", "structured"),
    [
        ("claude-2.1", "none", "omit", "free", False),
        ("claude-3-haiku-20240307", "none", "omit", "free", False),
        ("anthropic/claude-3.7-sonnet", "manual", "omit", "free", False),
        ("claude-sonnet-4-20250514", "manual", "omit", "free", False),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", "manual", "omit", "one", False),
        ("claude-haiku-4-5@20251001", "manual", "omit", "one", True),
        ("claude-sonnet-4-6", "adaptive", "omit", "one", True),
        ("claude-opus-4-8", "adaptive", "omit", "none", True),
        ("claude-sonnet-5", "adaptive", "disabled", "none", True),
        ("claude-haiku-5-5", "adaptive", "disabled", "none", True),
        ("claude-sonnet-5-5", "adaptive", "between_tools", "none", True),
        ("claude-opus-5-5", "adaptive", "never", "none", True),
        ("claude-fable-5", "adaptive", "never", "none", True),
        ("claude-latest", "adaptive", "never", "none", True),
        ("deepseek-chat", "manual", "omit", "free", False),
    ],
)
def test_names_tell_what_a_model_accepts(
    name: str, thinking: str, off: str, sampling: str, structured: bool
) -> None:
    dialect = dialect_of(ModelTraits(name))
    assert (dialect.thinking, dialect.thinking_off) == (thinking, off)
    assert (dialect.sampling, dialect.structured) == (sampling, structured)


@pytest.mark.parametrize(
    ("name", "forced"),
    [
        ("claude-opus-5", True),
        ("claude-haiku-5-5", True),
        ("claude-fable-5-1", False),
        ("claude-sonnet-5-5", False),
    ],
)
def test_the_newest_refuse_forced_tools(name: str, forced: bool) -> None:
    assert dialect_of(ModelTraits(name)).forced_tools is forced


def test_what_the_configuration_denies_is_believed() -> None:
    dialect = dialect_of(ModelTraits("claude-sonnet-4-5", capabilities=frozenset({"tools"})))
    assert dialect.thinking == "none"
    assert not dialect.structured
