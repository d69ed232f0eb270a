from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from router.config.litellm_entry import Address, Unusable, locate
from router.config.snapshot import Snapshot

Load = Callable[..., Snapshot]
PLACE = "config/config.yml"

# The file of system B's README, as it stands, and the keys of its .env.
SYSTEM_B = """
model_list:
  - model_name: gpt-4.1
    litellm_params:
      model: gpt-4.1
      api_key: os.environ/OPENAI_API_KEY
  - model_name: claude-sonnet-4
    litellm_params:
      model: anthropic/claude-sonnet-4-20250514
      api_key: os.environ/CLAUDE_API_KEY
"""
SYSTEM_B_ENV = "OPENAI_API_KEY=your_openai_key\nCLAUDE_API_KEY=your_claude_key\n"

# As acceptance suites write it: many addresses, no retries, no cooldowns.
MEASURED = """
model_list:
  - model_name: m-chat
    litellm_params: {model: openai/x, api_base: "http://127.0.0.1:9/r/a/v1", api_key: up-o}
  - model_name: m-chat-co
    litellm_params:
      model: openai/x
      api_base: http://127.0.0.1:9/r/b/v1
      api_key: up-openai
      use_chat_completions_api: true
  - model_name: m-claude
    litellm_params: {model: anthropic/claude-x, api_base: "http://127.0.0.1:9/r/c", api_key: up-a}
  - model_name: m-gemini
    litellm_params: {model: gemini/g, api_base: "http://127.0.0.1:9/r/d/v1beta", api_key: up-g}
litellm_settings:
  num_retries: 0
  request_timeout: 60
  drop_params: true
  use_chat_completions_url_for_anthropic_messages: true
  telemetry: false
router_settings:
  num_retries: 0
  disable_cooldowns: true
general_settings:
  master_key: sk-master
"""


def entry(name: str, params: str, info: str = "{}") -> str:
    return f"  - {{model_name: {name}, litellm_params: {params}, model_info: {info}}}\n"


def listed(*entries: str, more: str = "") -> str:
    return "model_list:\n" + "".join(entries) + more


def test_the_file_of_system_b_works_as_it_stands(load_text: Load, notes_of) -> None:
    snapshot = load_text(SYSTEM_B, "conf/config.yml", dotenv=SYSTEM_B_ENV)
    assert {name: a.kind for name, a in snapshot.accounts.items()} == {
        "openai": "openai",
        "anthropic": "anthropic",
    }
    (target,) = snapshot.targets["claude-sonnet-4"]
    assert target.upstream_model == "claude-sonnet-4-20250514"
    # The alias and the real name both lead there; only the alias is listed.
    assert snapshot.targets["claude-sonnet-4-20250514"] == (target,)
    assert snapshot.models["claude-sonnet-4"].alias_for == "claude-sonnet-4-20250514"
    assert snapshot.models["claude-sonnet-4-20250514"].hidden
    assert not notes_of(snapshot, "unused")
    assert not notes_of(snapshot, "error")


def test_the_file_of_system_b_without_keys_runs_with_all_disabled(
    load_text: Load, notes_of
) -> None:
    snapshot = load_text(SYSTEM_B, "conf/config.yml")
    assert snapshot.accounts == {}
    assert set(snapshot.disabled) == {"openai", "anthropic"}
    assert snapshot.targets["gpt-4.1"] == ()
    assert snapshot.routes.default_model == "gpt-4.1"
    assert len(notes_of(snapshot, "error")) == 2


def test_a_measured_file_is_taken(load_text: Load, notes_of) -> None:
    snapshot = load_text(MEASURED, PLACE)
    assert snapshot.retry.max_attempts == 1
    assert snapshot.retry.cooldowns is False
    assert snapshot.drop_params is True
    assert (snapshot.timeouts.idle_s, snapshot.timeouts.first_content_s) == (60, 60)
    assert snapshot.timeouts.total_s == 600
    by_model = {name: targets[0].account for name, targets in snapshot.targets.items()}
    assert by_model["m-chat"].base_url == "http://127.0.0.1:9/r/a/v1"
    assert by_model["m-chat"].quirks.responses_api is True
    assert by_model["m-chat-co"].quirks.responses_api is False
    assert by_model["m-claude"].kind == "anthropic"
    assert by_model["m-gemini"].kind == "gemini"
    assert list(snapshot.accounts) == ["openai", "openai-2", "anthropic", "gemini"]
    (key,) = snapshot.auth.keys.values()
    assert (key.name, key.is_admin, snapshot.auth.required) == ("master_key", True, True)
    assert {note.path for note in notes_of(snapshot, "unused")} == {
        "litellm_settings.use_chat_completions_url_for_anthropic_messages",
        "litellm_settings.telemetry",
    }
    assert "sk-master" not in repr(snapshot)
    assert "up-" not in repr(snapshot)


@pytest.mark.parametrize(
    ("params", "provider", "upstream"),
    [
        ({"model": "openai/gpt-4o"}, "openai", "gpt-4o"),
        ({"model": "gpt-4o"}, "openai", "gpt-4o"),
        ({"model": "o3"}, "openai", "o3"),
        ({"model": "azure/my-deployment"}, "azure", "my-deployment"),
        ({"model": "claude-3-haiku"}, "anthropic", "claude-3-haiku"),
        (
            {"model": "bedrock/anthropic.claude-3-haiku-20240307-v1:0"},
            "anthropic",
            "claude-3-haiku-20240307",
        ),
        ({"model": "vertex_ai/gemini-2.5-pro"}, "gemini", "gemini-2.5-pro"),
        ({"model": "gemini/models/gemini-x"}, "gemini", "gemini-x"),
        ({"model": "gemini-2.5-pro"}, "gemini", "gemini-2.5-pro"),
        ({"model": "groq/llama-3"}, "groq", "llama-3"),
        ({"model": "groq/grok-4"}, "xai", "grok-4"),
        ({"model": "groq/grok-4", "api_base": "http://g"}, "groq", "grok-4"),
        ({"model": "grok-3"}, "xai", "grok-3"),
        ({"model": "openrouter/anthropic/claude-3"}, "openrouter", "anthropic/claude-3"),
        ({"model": "fireworks_ai/accounts/f/models/x"}, "fireworks", "accounts/f/models/x"),
        ({"model": "hosted_vllm/meta-llama/L", "api_base": "http://v"}, "vllm", "meta-llama/L"),
        ({"model": "meta-llama/L", "api_base": "http://v"}, "openai", "meta-llama/L"),
        ({"model": "llama3", "custom_llm_provider": "ollama"}, "ollama", "llama3"),
        ({"model": "ollama/llama3", "custom_llm_provider": "ollama"}, "ollama", "llama3"),
        (
            {"model": "openai/x", "custom_llm_provider": "acme", "api_base": "http://a"},
            "acme",
            "openai/x",
        ),
    ],
)
def test_a_prefix_or_name_says_where_a_model_is(
    params: dict[str, str], provider: str, upstream: str
) -> None:
    address = locate(params)
    assert isinstance(address, Address)
    assert (address.provider, address.upstream) == (provider, upstream)


@pytest.mark.parametrize(
    "params",
    [
        {"model": "some-model"},
        {"model": "acme/some-model"},
        {"model": "vertex_ai/llama-4"},
        {"model": "x", "custom_llm_provider": "acme"},
    ],
)
def test_a_model_that_is_nowhere_is_noted_with_the_remedy(params: dict[str, str]) -> None:
    assert isinstance(locate(params), Unusable)


def test_api_base_and_key_of_the_entry_win(load_text: Load) -> None:
    base = "https://own.example/v1/chat/completions"
    text = listed(entry("m", f"{{model: groq/x, api_base: '{base}', api_key: own}}"))
    account = load_text(text, PLACE, env={"GROQ_API_KEY": "k"}).accounts["groq"]
    assert account.base_url == "https://own.example/v1"
    assert account.api_key is not None
    assert account.api_key.value == "own"


def test_a_services_key_is_taken_at_its_own_address_and_nowhere_else(load_text: Load) -> None:
    text = listed(
        entry("home", "{model: openai/a}"),
        entry("away", "{model: openai/a, api_base: 'http://evil.example/v1'}"),
    )
    snapshot = load_text(text, PLACE, env={"OPENAI_API_KEY": "sk-real"})
    assert snapshot.targets["home"][0].account.api_key is not None
    assert snapshot.targets["away"][0].account.api_key is None


def test_several_deployments_of_one_name_are_several_targets(load_text: Load) -> None:
    azure = "https://e.openai.azure.com/?api-version=2024-10-21"
    text = listed(
        entry("m", "{model: openai/a, api_key: k1, rpm: 10, weight: 2, order: 1}"),
        entry("m", "{model: openai/a, api_key: k2, tpm: 5}"),
        entry("m", f"{{model: azure/d, api_base: '{azure}', api_key: k3}}"),
        entry("m", "{model: openai/a, api_key: k1, rpm: 20}"),
        entry("n", "{model: openai/b, api_key: k1}"),
    )
    snapshot = load_text(text, PLACE)
    targets = snapshot.targets["m"]
    assert [target.account.name for target in targets] == [
        "openai",
        "openai-2",
        "azure",
        "openai-3",
    ]
    assert len({target.name for target in targets}) == 4
    assert (targets[0].rpm, targets[0].weight, targets[0].order) == (10, 2, 1)
    assert targets[2].account.api_version == "2024-10-21"
    assert targets[2].account.base_url == "https://e.openai.azure.com"
    # The same credential is the same account.
    assert snapshot.targets["n"][0].account.name == "openai"
    assert snapshot.strategy == "simple-shuffle"


def test_an_entrys_own_id_names_its_account(load_text: Load) -> None:
    text = listed(entry("m", "{model: openai/a, api_key: k}", "{id: eu-west}"))
    assert list(load_text(text, PLACE).accounts) == ["eu-west"]


def test_wildcards_match_and_the_longest_comes_first(load_text: Load) -> None:
    text = listed(
        entry("'*'", "{model: 'openai/*', api_base: 'http://a/v1', api_key: k}"),
        entry("'anthropic/*'", "{model: 'anthropic/*', api_key: k}"),
        entry("'my-*-x'", "{model: 'openai/gpt-*', api_key: k}"),
        entry("'a*b*'", "{model: 'openai/*', api_key: k}"),
    )
    snapshot = load_text(text, PLACE)
    assert [w.pattern for w in snapshot.wildcards] == ["anthropic/*", "my-*-x", "*"]
    target = snapshot.wildcards[1].match("my-4o-x")
    assert target is not None
    assert (target.model, target.upstream_model) == ("my-4o-x", "gpt-4o")
    assert snapshot.wildcards[1].match("my--x") is None
    anthropic = snapshot.wildcards[0].match("anthropic/claude-x")
    assert anthropic is not None
    assert anthropic.upstream_model == "claude-x"
    everything = snapshot.wildcards[2].match("what/ever")
    assert everything is not None
    assert everything.upstream_model == "what/ever"
    assert any('"a*b*" is not served' in note.message for note in snapshot.notes)


def test_a_lone_star_stands_for_every_provider_with_a_key(load_text: Load) -> None:
    text = listed(entry("'*'", "{model: '*'}"))
    snapshot = load_text(text, PLACE, env={"OPENAI_API_KEY": "k", "GROQ_API_KEY": "g"})
    assert sorted(w.pattern for w in snapshot.wildcards) == ["groq/*", "openai/*"]


def test_aliases_are_listed_or_hidden(load_text: Load) -> None:
    text = listed(
        entry("real", "{model: openai/a, api_key: k}"),
        entry("'openai/*'", "{model: 'openai/*', api_key: k}"),
        more="router_settings: {model_group_alias: {one: real, two: {model: one, hidden: true},"
        " three: openai/gpt-4o, four: nothing, real: openai/x}}\n",
    )
    snapshot = load_text(text, PLACE)
    assert snapshot.aliases == {"one": "real", "two": "real", "three": "openai/gpt-4o"}
    assert not snapshot.models["one"].hidden
    assert snapshot.models["two"].hidden
    # A pattern's model that is named in full has targets of its own.
    assert snapshot.targets["openai/gpt-4o"][0].upstream_model == "gpt-4o"
    messages = [note.message for note in snapshot.notes]
    assert any('no model "nothing"' in message for message in messages)
    assert any('"real" is a model too' in message for message in messages)


def test_fallbacks_of_every_kind_are_read_from_both_sections(load_text: Load) -> None:
    text = listed(
        entry("a", "{model: openai/a, api_key: k}"),
        entry("b", "{model: openai/b, api_key: k}"),
        entry("c", "{model: openai/c, api_key: k}"),
        more="""
router_settings:
  fallbacks: [{a: [b, c]}]
  context_window_fallbacks: [{a: [c]}]
  default_fallbacks: [c]
litellm_settings:
  fallbacks: [{a: [c]}, {b: [nothing, c]}]
  content_policy_fallbacks: [{b: [a]}]
""",
    )
    fallbacks = load_text(text, PLACE).fallbacks
    assert fallbacks.on_error == {"a": ("b", "c"), "b": ("c",)}
    assert fallbacks.on_context_window == {"a": ("c",)}
    assert fallbacks.on_content_policy == {"b": ("a",)}
    assert fallbacks.default == ("c",)


@pytest.mark.parametrize(
    ("settings", "attempts"),
    [
        ("{}", 3),
        ("{num_retries: 0}", 1),
        ("{num_retries: 0, max_fallbacks: 5}", 1),
        ("{num_retries: 4}", 5),
        ("{num_retries: 1, max_fallbacks: 2}", 4),
    ],
)
def test_retries_become_attempts(settings: str, attempts: int, load_text: Load) -> None:
    text = listed(
        entry("a", "{model: openai/a, api_key: k}"), more=f"router_settings: {settings}\n"
    )
    assert load_text(text, PLACE).retry.max_attempts == attempts


def test_a_deployments_own_settings_stay_its_own(load_text: Load) -> None:
    params = """{model: openai/a, api_key: k, timeout: 7, stream_timeout: 3, temperature: 0.1,
      max_tokens: 50, extra_body: {foo: 1}, drop_params: false, additional_drop_params: [seed],
      extra_headers: {X-A: os.environ/HEADER}, input_cost_per_token: 0.000003,
      output_cost_per_token: 1.5e-05, organization: org}"""
    info = """{mode: chat, max_input_tokens: 1000, max_output_tokens: 100, supports_vision: false,
      cache_read_input_token_cost: 3.0e-07}"""
    snapshot = load_text(listed(entry("a", params, info)), PLACE, env={"HEADER": "secret-header"})
    (target,) = snapshot.targets["a"]
    assert target.timeouts is not None
    assert (target.timeouts.idle_s, target.timeouts.first_content_s) == (7, 3)
    assert dict(target.defaults) == {"foo": 1, "max_tokens": 50, "temperature": 0.1}
    assert (target.drop_params, target.extra_drop) == (False, ("seed",))
    assert target.account.headers == {"X-A": "secret-header"}
    assert "secret-header" not in repr(snapshot)
    assert target.price is not None
    assert target.price.input_usd == Decimal("3")
    assert target.price.output_usd == Decimal("15")
    assert target.price.cache_read_usd == Decimal("0.3")
    assert target.traits.context_window_tokens == 1000
    assert target.traits.capabilities is not None
    assert "vision" not in target.traits.capabilities
    assert "tools" in target.traits.capabilities


def test_auto_takes_its_tiers_from_the_table_else_the_default_else_the_first(
    load_text: Load,
) -> None:
    known = listed(
        entry("embed", "{model: openai/text-embedding-3-small, api_key: k}"),
        entry("big", "{model: openai/gpt-4.1, api_key: k}"),
        entry("small", "{model: openai/gpt-4o-mini, api_key: k}"),
        entry("huge", "{model: anthropic/claude-opus-4-1, api_key: k}"),
    )
    routes = load_text(known, PLACE).routes
    assert routes.origin == "models table"
    assert routes.tasks["general"]["low"] == ("small",)
    assert routes.tasks["general"]["xhigh"] == ("huge",)
    assert routes.tasks["general"]["default"] == ("huge",)
    unknown = listed(
        entry("embed", "{model: openai/my-embedder, api_key: k}"),
        entry("first", "{model: openai/mine, api_key: k}"),
        entry("second", "{model: openai/other, api_key: k}"),
    )
    routes = load_text(unknown, PLACE).routes
    assert (routes.default_model, routes.origin) == ("first", "first chat model")
    chosen = unknown + "general_settings: {default_models: {chat: second, embedding: embed}}\n"
    snapshot = load_text(chosen, PLACE)
    assert snapshot.routes.default_model == "second"
    assert snapshot.routes.origin == "default_models.chat"
    assert snapshot.default_models == {"chat": "second", "embedding": "embed"}


def test_a_litellm_file_may_carry_our_keys(load_text: Load, problems_of) -> None:
    more = """
task_routes: {general: {low: a}}
fallback_models: [a]
max_attempts: 2
timeouts: {total_s: 42}
keys: [{name: k, key: secret-key}]
"""
    text = listed(entry("a", "{model: openai/a, api_key: k}"), more=more)
    snapshot = load_text(text, PLACE)
    assert snapshot.routes.origin == "task_routes"
    assert snapshot.routes.fallback_models == ("a",)
    assert (snapshot.retry.max_attempts, snapshot.timeouts.total_s) == (2, 42)
    assert snapshot.auth.required
    problems = problems_of(text.replace("low: a", "low: b"), PLACE)
    assert 'task_routes.general.low: no model "b"' in problems


def test_a_complexity_router_is_auto_under_another_name(load_text: Load) -> None:
    text = listed(
        entry(
            "smart",
            "{model: auto_router/complexity_router, complexity_router_default_model: b,"
            " complexity_router_config: {tiers: {SIMPLE: a, MEDIUM: a, COMPLEX: b,"
            " REASONING: [b, a], EXTRA: a}, session_affinity: true}}",
        ),
        entry("a", "{model: openai/a, api_key: k}"),
        entry("b", "{model: openai/b, api_key: k}"),
        entry("other", "{model: auto_router/semantic}"),
    )
    snapshot = load_text(text, PLACE)
    assert snapshot.aliases == {"smart": "auto"}
    assert snapshot.models["smart"].alias_for == "auto"
    assert snapshot.routes.tasks["general"] == {
        "low": ("a",),
        "medium": ("a",),
        "high": ("b",),
        "xhigh": ("b", "a"),
        "default": ("b",),
    }
    unused = {note.path.rpartition(".")[2] for note in snapshot.notes if note.level == "unused"}
    assert unused == {"session_affinity", "EXTRA"}
    assert any("auto_router/semantic is not known" in note.message for note in snapshot.notes)


def test_every_key_without_effect_is_listed_with_path_and_reason(load_text: Load, notes_of) -> None:
    text = listed(
        entry(
            "a", "{model: openai/a, api_key: k, tags: [x], temprature: 1}", "{access_groups: [g]}"
        ),
        more="""
router_settings: {retry_policy: {}, routing_stategy: x}
litellm_settings: {callbacks: [langfuse], cache: true}
general_settings: {database_url: x, alerting: [slack]}
guardrails: []
accounts: []
""",
    )
    snapshot = load_text(text, PLACE)
    unused = {note.path: note.message for note in notes_of(snapshot, "unused")}
    assert set(unused) == {
        "model_list[0].litellm_params.tags",
        "model_list[0].litellm_params.temprature",
        "model_list[0].model_info.access_groups",
        "router_settings.retry_policy",
        "router_settings.routing_stategy",
        "litellm_settings.callbacks",
        "litellm_settings.cache",
        "general_settings.database_url",
        "general_settings.alerting",
        "guardrails",
        "accounts",
    }
    assert 'did you mean "temperature"?' in unused["model_list[0].litellm_params.temprature"]
    assert 'did you mean "routing_strategy"?' in unused["router_settings.routing_stategy"]
    assert all(unused.values())


def test_environment_variables_are_looked_up_last(load_text: Load) -> None:
    text = listed(
        entry("a", "{model: openai/a, api_key: os.environ/MY_KEY}"),
        entry("b", "{model: openai/b, api_key: os.environ/OTHER}"),
        more="environment_variables: {MY_KEY: from-file, OTHER: from-file}\n",
    )
    targets = load_text(text, PLACE, env={"OTHER": "from-process"}).targets
    keys = [targets[name][0].account.api_key for name in ("a", "b")]
    assert [key.value for key in keys if key] == ["from-file", "from-process"]


def test_included_files_are_joined(load_text: Load, tmp_path, problems_of) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "more.yml").write_text(
        listed(entry("b", "{model: openai/b, api_key: k}"))
        + "litellm_settings: {drop_params: false}\n"
    )
    text = listed(entry("a", "{model: openai/a, api_key: k}"), more="include: [more.yml]\n")
    snapshot = load_text(text, PLACE)
    assert {"a", "b"} <= set(snapshot.targets)
    assert snapshot.drop_params is False
    assert "include[0]" in problems_of(text.replace("more.yml", "gone.yml"), PLACE)


def test_a_missing_master_key_leaves_authentication_on(load_text: Load, notes_of) -> None:
    text = listed(
        entry("a", "{model: openai/a, api_key: k}"),
        more="general_settings: {master_key: os.environ/MASTER}\n",
    )
    snapshot = load_text(text, PLACE)
    assert snapshot.auth.required
    assert snapshot.auth.keys == {}
    assert "MASTER is not set" in notes_of(snapshot, "error")[0].message


def test_litellms_own_variable_is_a_master_key_too(load_text: Load) -> None:
    text = listed(entry("a", "{model: openai/a, api_key: k}"))
    snapshot = load_text(text, PLACE, env={"LITELLM_MASTER_KEY": "sk-1"})
    assert [key.name for key in snapshot.auth.keys.values()] == ["master_key"]


ENTRY = "model_list: [{model_name: a"
PARAMS = f"{ENTRY}, litellm_params: {{"
GOOD = f"{PARAMS}model: gpt-x}}}}]\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model_list: {a: b}", "model_list: must be a list"),
        ("model_list: [1]", "model_list[0]: must be a mapping"),
        (f"{ENTRY}}}]", "model_list[0].litellm_params: is missing"),
        ("model_list: [{litellm_params: {model: a}}]", "model_list[0].model_name: is missing"),
        (f"{PARAMS}api_key: k}}}}]", "model_list[0].litellm_params.model: is missing"),
        (f"{PARAMS}model: gpt-x, rpm: many}}}}]", "litellm_params.rpm: must be a whole number"),
        (f"{PARAMS}model: gpt-x, api_base: 'ftp://x'}}}}]", "api_base: must start with http"),
        (f"{PARAMS}model: gpt-x, api_base: 'http://169.254.169.254'}}}}]", "allow_link_local"),
        (
            f"{GOOD}router_settings: {{fallbacks: a}}",
            "router_settings.fallbacks: must be a list of",
        ),
        (
            f"{GOOD}router_settings: {{model_group_alias: {{x: 1}}}}",
            "model_group_alias.x: must be a model",
        ),
        (f"{GOOD}task_routes: {{coding: {{hgh: a}}}}", "task_routes.coding.hgh: unknown key"),
    ],
)
def test_wrong_shapes_are_refused_with_path_and_remedy(
    text: str, expected: str, problems_of: Callable[..., str]
) -> None:
    problems = problems_of(text, PLACE, env={"OPENAI_API_KEY": "k"})
    assert expected in problems
    assert problems.startswith("config/config.yml: ")


@pytest.mark.parametrize(
    "entry",
    [
        "litellm_params: {model: openai/responses/gpt-5-codex, api_key: k}",
        "litellm_params: {model: gpt-5-codex, api_key: k}\n    model_info: {mode: responses}",
    ],
    ids=["prefix", "mode"],
)
def test_a_model_that_only_responses_serves_is_spoken_to_in_it(load_text: Load, entry: str) -> None:
    text = f"model_list:\n  - model_name: codex\n    {entry}\n"
    (target,) = load_text(text, PLACE).targets["codex"]
    assert target.upstream_model == "gpt-5-codex"
    assert target.account.quirks.chat_api is False
