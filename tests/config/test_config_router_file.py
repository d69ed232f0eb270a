from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from router.config.snapshot import DEFAULT_RETRY_STATUSES, Snapshot

Load = Callable[..., Snapshot]

# The minimal file of system A's README, as it stands.
MINIMAL = """
default_model: gpt-5.2
models:
  - gpt-5.2
accounts:
  - name: default
    provider: openai
    base_url: http://localhost:11434
    enabled: true
    auth_mode: api_key
    models:
      - gpt-5.2
task_routes:
  general:
    low: gpt-5.2
    medium: gpt-5.2
    high: gpt-5.2
fallback_models:
  - gpt-5.2
retry_statuses:
  - 429
  - 500
  - 502
  - 503
  - 504
"""

FULL = """
default_model: openai/gpt-5.2
models:
  openai/gpt-5.2: {context_window: 1000, max_output_tokens: 100, capabilities: [vision], house: x}
  openai/gpt-5-mini:
    id: gpt-5-mini-2025
    name: Mini
    price: {input: 0.25, output: "2", cached: 0.025}
  meta-llama/Llama-3: null
accounts:
  - name: one
    provider: OpenAI
    base_url: https://api.openai.com
    api_key_env: KEY_ONE
    models: [gpt-5.2, openai/gpt-5-mini]
    organization: org
    project: proj
    headers: {X-Team: "${TEAM}"}
    timeouts: {idle_s: 7}
    quirks: {rename: {a: b}, drop: [logprobs], responses_api: false}
    oauth_access_token: null
  - name: two
    provider: openai
    base_url: http://two.example/v1/chat/completions
    api_key: literal
    proxy: http://user:pw@proxy:3128
  - name: vllm
    provider: vllm
    base_url: http://gpu:8000
    models: meta-llama/Llama-3
  - name: spare
    provider: mistral
    enabled: false
    models: [mistral/mistral-small-latest]
task_routes:
  coding: {high: [openai/gpt-5.2, gpt-5-mini], default: meta-llama/Llama-3}
  housekeeping: {default: openai/gpt-5-mini}
complexity: {low_max_chars: 10, medium_max_chars: 20, high_max_chars: 30}
model_profiles:
  openai/gpt-5.2: {cost_input_per_1k: 0.003, cost_output_per_1k: 0, latency_ms: 900}
  openai/gpt-5-mini: {quality_bias: 1}
learned_routing:
  enabled: true
  feature_weights: {code_score: 0.5}
  task_candidates: {coding: [openai/gpt-5-mini]}
  utility_weights: {cost: 1}
aliases: {best: gpt-5.2, top: best}
fallbacks: {best: [gpt-5-mini], "*": [meta-llama/Llama-3]}
timeouts: {total_s: 99}
max_attempts: 5
drop_params: false
routing_strategy: least-busy
limits: {max_body_bytes: 100, body_timeout_s: 2}
audit: {enabled: false, content: preview}
rules:
  - name: big
    when: {tokens_over: 10, has: [tools], header: {X-A: "*"}, matches: "a+"}
    then: {models: [best], account: two}
  - then: {task: coding, complexity: high}
"""
ENV = {"KEY_ONE": "sk-one", "TEAM": "blue"}


def test_the_minimal_file_of_system_a_works_as_it_stands(load_text: Load, notes_of) -> None:
    snapshot = load_text(MINIMAL)
    account = snapshot.accounts["default"]
    assert (account.kind, account.base_url) == ("openai", "http://localhost:11434")
    assert account.api_key is None
    assert snapshot.routes.default_model == "gpt-5.2"
    assert snapshot.routes.tasks["general"]["low"] == ("gpt-5.2",)
    assert snapshot.routes.fallback_models == ("gpt-5.2",)
    assert snapshot.retry.statuses == {429, 500, 502, 503, 504}
    assert [target.name for target in snapshot.targets["gpt-5.2"]] == ["default:gpt-5.2"]
    assert snapshot.auth.required is False
    assert not notes_of(snapshot, "error")
    assert len(notes_of(snapshot, "info")) == 1


def test_the_whole_shape_is_read(load_text: Load) -> None:
    snapshot = load_text(FULL, env=ENV)
    one = snapshot.accounts["one"]
    assert (one.provider, one.organization, one.project) == ("openai", "org", "proj")
    assert one.headers == {"X-Team": "blue"}
    assert one.quirks.rename == {"a": "b"}
    assert (one.quirks.drop, one.quirks.responses_api) == (("logprobs",), False)
    assert one.timeouts is not None
    assert (one.timeouts.idle_s, one.timeouts.total_s) == (7, 99)
    assert snapshot.accounts["two"].base_url == "http://two.example/v1"
    assert snapshot.accounts["two"].proxy == "http://user:pw@proxy:3128"
    assert snapshot.disabled == {"spare": "enabled: false"}
    assert snapshot.routes.tasks["coding"]["high"] == ("openai/gpt-5.2", "gpt-5-mini")
    assert snapshot.routes.thresholds.high_max_chars == 30
    assert snapshot.routes.profiles["openai/gpt-5.2"].cost_output_per_1k_usd == 0
    assert snapshot.routes.profiles["openai/gpt-5-mini"].cost_input_per_1k_usd is None
    assert snapshot.routes.learned.enabled
    assert (snapshot.routes.learned.cost_weight, snapshot.routes.learned.failure_weight) == (1, 3)
    assert snapshot.aliases == {"best": "gpt-5.2", "top": "gpt-5.2"}
    assert snapshot.fallbacks.on_error == {"gpt-5.2": ("gpt-5-mini",)}
    assert snapshot.fallbacks.default == ("meta-llama/Llama-3",)
    assert snapshot.timeouts.total_s == 99
    assert (snapshot.retry.max_attempts, snapshot.drop_params) == (5, False)
    assert snapshot.retry.statuses == DEFAULT_RETRY_STATUSES
    assert snapshot.strategy == "least-busy"
    assert snapshot.limits.max_body_bytes == 100
    assert (snapshot.audit.enabled, snapshot.audit.content) == (False, "preview")


def test_models_and_accounts_match_with_and_without_provider(load_text: Load) -> None:
    targets = load_text(FULL, env=ENV).targets
    # `two` lists no models: it serves those of its own provider, and not vllm's.
    names = [(target.account.name, target.upstream_model) for target in targets["openai/gpt-5.2"]]
    assert names == [("one", "gpt-5.2"), ("two", "gpt-5.2")]
    assert targets["gpt-5.2"] == targets["openai/gpt-5.2"]
    assert [t.upstream_model for t in targets["openai/gpt-5-mini"]] == ["gpt-5-mini-2025"] * 2
    assert [t.account.name for t in targets["meta-llama/Llama-3"]] == ["two", "vllm"]
    # No provider "meta-llama" is configured, so the slash is the model's own.
    assert targets["meta-llama/Llama-3"][1].upstream_model == "meta-llama/Llama-3"
    # A model that only a disabled account serves is known, and unserved.
    assert targets["mistral/mistral-small-latest"] == ()


def test_another_provider_never_serves_a_qualified_model(load_text: Load) -> None:
    text = """
models: [openai/gpt-x, gpt-y]
accounts:
  - {name: a, provider: openai, base_url: http://a}
  - {name: b, provider: mistral, base_url: http://b}
"""
    snapshot = load_text(text)
    assert [t.account.name for t in snapshot.targets["openai/gpt-x"]] == ["a"]
    assert [t.account.name for t in snapshot.targets["gpt-y"]] == ["a", "b"]
    assert [t.account.name for t in snapshot.targets["mistral/gpt-y"]] == ["b"]
    assert [account.name for account in snapshot.open_accounts] == ["a", "b"]


def test_only_listed_ids_are_listed(load_text: Load) -> None:
    models = load_text(FULL, env=ENV).models
    listed = [model for model, info in models.items() if not info.hidden]
    assert listed == ["openai/gpt-5.2", "openai/gpt-5-mini", "meta-llama/Llama-3", "best", "top"]
    assert models["gpt-5.2"].alias_for == "openai/gpt-5.2"
    assert models["openai/gpt-5-mini"].name == "Mini"
    assert models["openai/gpt-5.2"].metadata == {"house": "x"}
    assert models["openai/gpt-5.2"].context_window_tokens == 1000
    assert models["openai/gpt-5.2"].capabilities == {"vision", "streaming"}


def test_prices_are_decimal_and_the_nearest_word_wins(load_text: Load) -> None:
    targets = load_text(FULL, env=ENV).targets
    profiled = targets["openai/gpt-5.2"][0].price
    assert profiled is not None
    assert (profiled.input_usd, profiled.output_usd) == (Decimal("3.000"), Decimal(0))
    # The list price's cache rate does not belong to a rate of one's own.
    assert profiled.cache_read_usd is None
    stated = targets["openai/gpt-5-mini"][1].price
    assert stated is not None
    assert (stated.input_usd, stated.cache_read_usd) == (Decimal("0.25"), Decimal("0.025"))
    assert targets["meta-llama/Llama-3"][0].price is None


def test_a_list_price_holds_at_the_providers_own_address_only(load_text: Load) -> None:
    text = """
models: [gpt-4o]
accounts:
  - {name: home, provider: openai, base_url: "https://api.openai.com/v1", api_key: k}
  - {name: away, provider: openai, base_url: "http://localhost:1234", api_key: k}
model_profiles: {gpt-4o: {latency_ms: 5}}
"""
    home, away = load_text(text).targets["gpt-4o"]
    assert home.price is not None
    assert home.price.input_usd == Decimal("2.50")
    assert away.price is None


def test_rules_are_compiled(load_text: Load) -> None:
    big, second = load_text(FULL, env=ENV).rules
    assert (big.name, big.models, big.account) == ("big", ("gpt-5.2",), "two")
    assert big.when.tokens_over == 10
    assert big.when.headers == {"x-a": "*"}
    assert big.when.has == {"tools"}
    assert (second.name, second.task, second.complexity) == ("rules[1]", "coding", "high")


def test_without_accounts_the_backend_is_used(load_text: Load, notes_of) -> None:
    text = "default_model: m\nmodels: [m]\ntask_routes: {general: {low: m}}"
    env = {
        "BACKEND_BASE_URL": "http://b:1/v1",
        "BACKEND_API_KEY": "k",
        "BACKEND_TIMEOUT_SECONDS": "9",
    }
    snapshot = load_text(text, env=env)
    account = snapshot.accounts["default"]
    assert (account.base_url, account.provider) == ("http://b:1/v1", "default")
    assert account.api_key is not None
    assert account.api_key.value == "k"
    assert [t.account.name for t in snapshot.targets["m"]] == ["default"]
    assert (snapshot.timeouts.first_content_s, snapshot.timeouts.idle_s) == (9, 9)
    assert snapshot.timeouts.total_s == 600


def test_without_accounts_and_backend_it_is_a_local_ollama_with_a_warning(
    load_text: Load, notes_of
) -> None:
    snapshot = load_text("default_model: m\nmodels: [m]")
    assert snapshot.accounts["default"].base_url == "http://localhost:11434"
    assert "BACKEND_BASE_URL" in notes_of(snapshot, "warning")[0].message


def test_an_open_account_serves_what_routes_name_where_nothing_is_listed(load_text: Load) -> None:
    text = """
default_model: m
accounts: [{name: a, provider: openai, base_url: http://a}]
task_routes: {general: {low: [m, n]}}
"""
    assert set(load_text(text).targets) >= {"m", "n"}


def test_a_known_service_needs_no_address_and_finds_its_own_key(load_text: Load) -> None:
    text = "models: [m]\naccounts: [{name: g, provider: groq}]"
    account = load_text(text, env={"GROQ_API_KEY": "k"}).accounts["g"]
    assert account.base_url == "https://api.groq.com/openai/v1"
    assert account.api_key is not None


def test_a_services_own_key_is_not_sent_to_another_address(load_text: Load) -> None:
    account = load_text(MINIMAL, env={"OPENAI_API_KEY": "sk-real"}).accounts["default"]
    assert account.api_key is None


@pytest.mark.parametrize(
    "field", ["api_key: os.environ/NOPE", 'api_key: "${NOPE}"', "api_key_env: NOPE"]
)
def test_a_named_secret_that_is_missing_disables_its_account(
    field: str, load_text: Load, notes_of
) -> None:
    text = f"models: [m]\naccounts: [{{name: a, provider: openai, base_url: http://a, {field}}}]"
    snapshot = load_text(text)
    assert snapshot.accounts == {}
    assert "NOPE is not set" in snapshot.disabled["a"]
    assert "NOPE" in notes_of(snapshot, "error")[0].message
    assert snapshot.targets["m"] == ()
    assert snapshot.models["m"].hidden


def test_a_key_with_a_line_break_disables_its_account(load_text: Load) -> None:
    text = 'models: [m]\naccounts: [{name: a, base_url: http://a, api_key: "x\\ny"}]'
    assert "line break" in load_text(text).disabled["a"]


def test_oauth_accounts_keep_their_parts_secret(load_text: Load) -> None:
    text = """
models: [m]
accounts:
  - name: a
    provider: openai
    base_url: https://api.openai.com
    auth_mode: oauth
    oauth_access_token_env: ACCESS
    oauth_refresh_token: refresh-secret
    oauth_expires_at: 123
    oauth_client_id: id
    oauth_client_secret_env: CLIENT
"""
    account = load_text(text, env={"ACCESS": "access-secret", "CLIENT": "c"}).accounts["a"]
    assert account.oauth is not None
    assert account.oauth.expires_at_s == 123
    assert account.oauth.token_url == "https://auth.openai.com/oauth/token"
    assert "secret" not in repr(account).replace("client_secret", "")


def test_an_oauth_account_without_tokens_is_disabled(load_text: Load) -> None:
    text = "models: [m]\naccounts: [{name: a, base_url: http://a, auth_mode: oauth}]"
    assert "oauth_access_token" in load_text(text).disabled["a"]


def test_discovered_models_are_served_by_their_account_only(load_text: Load) -> None:
    text = """
models: [m]
accounts:
  - {name: local, provider: ollama, base_url: "http://l:11434"}
  - {name: other, provider: openai, base_url: "http://o"}
"""
    plain = load_text(text)
    found = load_text(text, discovered={"local": ("llama3:8b",)})
    assert [t.account.name for t in found.targets["llama3:8b"]] == ["local"]
    assert "llama3:8b" not in plain.targets
    assert found.digest == plain.digest


# --- what is refused: every problem names the field and the remedy


M = "models: [m]\n"
A = "accounts: [{name: a, base_url: 'http://a', "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("modells: [a]", 'modells: unknown key; did you mean "models"?'),
        (
            "accounts: [{name: a, base_ur: x}]",
            'accounts[0].base_ur: unknown key; did you mean "base_url"?',
        ),
        ("accounts: [{base_url: 'http://a'}]", "accounts[0].name: is missing"),
        ("accounts: {name: a}", "accounts: must be a list"),
        ("accounts: [{name: a, provider: acme}]", "accounts[0].base_url: is missing"),
        ("accounts: [{name: a, provider: opena}]", 'did you mean "openai"?'),
        (
            "accounts: [{name: a, base_url: 'ftp://x'}]",
            "accounts[0].base_url: must start with http",
        ),
        ("accounts: [{name: a, base_url: 'http://169.254.169.254'}]", "allow_link_local"),
        (A + "auth_mode: magic}]", "auth_mode: must be one of"),
        (
            "accounts: [{name: \"a\\nb\", base_url: 'http://a'}]",
            "accounts[0].name: must be 1 to 128",
        ),
        (A + "headers: {Host: x}}]", "headers.Host: is set by"),
        (A + "proxy: 'ftp://p'}]", "proxy: must start with"),
        ("models: [gpt-5, 4.1]", "models[1]: must be text; put quotes around it"),
        ("models: {a: [1]}", "models.a: must be a mapping"),
        ("models: {a: {price: {input: -1}}}", "models.a.price.input: must be 0 or more"),
        ("models: {a: {price: {inptu: 1}}}", "models.a.price"),
        ("models: 3", "models: must be a list of model ids"),
        (
            "models: [gpt-4o]\ndefault_model: gpt-4x",
            'default_model: no model "gpt-4x"; did you mean "gpt-4o"?',
        ),
        (
            "models: [gpt-4o]\ntask_routes: {coding: {high: gpt-4x}}",
            'coding.high: no model "gpt-4x"; did you mean "gpt-4o"?',
        ),
        (
            M + "task_routes: {coding: {hihg: m}}",
            'task_routes.coding.hihg: unknown key; did you mean "high"?',
        ),
        (
            M + "task_routes: {coding: {high: 3}}",
            "task_routes.coding.high: must be a text or a list",
        ),
        (M + "fallback_models: [n]", 'fallback_models: no model "n"'),
        (M + "fallback_models: [auto]", 'fallback_models: no model "auto"'),
        (M + "aliases: {x: n}", 'aliases.x: no model "n"'),
        (M + "aliases: {x: y, y: x}", "aliases.x: no model"),
        (M + "fallbacks: {m: [n]}", 'fallbacks.m: no model "n"'),
        (M + "retry_statuses: [200]", "retry_statuses[0]: must be from 400 to 599"),
        (M + "max_attempts: 0", "max_attempts: must be from 1 to 100"),
        (M + "complexity: {low_max_chars: 9000}", "complexity: must grow"),
        (M + "model_profiles: {m: {failure_rate: 2}}", "failure_rate: must be from 0 to 1"),
        (M + "learned_routing: {bias: x}", "learned_routing.bias: must be a number"),
        (
            M + "learned_routing: {task_candidates: {coding: [n]}}",
            "task_candidates.coding: no model",
        ),
        (M + "timeouts: {idle_s: 0}", "timeouts.idle_s: must be more than 0"),
        (M + "timeouts: {idle: 1}", 'did you mean "idle_s"?'),
        (M + "routing_strategy: random", "routing_strategy: must be one of"),
        (M + "keys: [{name: a}]", "keys[0]: needs exactly one of digest, key_env and key"),
        (M + "keys: [{name: a, digest: abc}]", 'keys[0].digest: must be "sha256:"'),
        (M + "keys: [{name: a, key: k, models: [n]}]", 'keys[0].models: no model "n"'),
        (M + "keys: [{name: a, key: k}, {name: a, key: l}]", "keys[1].name"),
        (M + "rules: [{when: {task: coding}}]", "rules[0].then: is missing"),
        (M + "rules: [{then: {}}]", "rules[0].then: needs one of"),
        (M + "rules: [{then: {model: n}}]", 'rules[0].then.model: no model "n"'),
        (M + "rules: [{then: {account: b}}]", 'rules[0].then.account: no account "b"'),
        (
            M + "rules: [{when: {matches: '('}, then: {model: m}}]",
            "rules[0].when.matches: is not a regular expression",
        ),
        (
            M + "rules: [{when: {has: [wings]}, then: {model: m}}]",
            'rules[0].when.has: knows no "wings"',
        ),
        (M + "audit: {content: all}", "audit.content: must be none or preview"),
        (M + "models: [n]", 'the key "models" stands twice'),
        ("a: [", "not YAML: line"),
        ("", "is empty"),
        ("- a", "must be a mapping"),
        ("model_list: []", "model_list: is empty"),
        ("router_settings: {}", "model_list: is missing"),
    ],
)
def test_a_problem_names_file_path_and_remedy(
    text: str, expected: str, problems_of: Callable[..., str]
) -> None:
    problems = problems_of(text, env={"BACKEND_BASE_URL": "http://b"})
    assert expected in problems
    assert all(line.startswith("config/router.yaml: ") for line in problems.splitlines())


def test_all_problems_come_at_once(problems_of: Callable[..., str]) -> None:
    shape = problems_of("modells: 1\nmax_attempts: x\naccounts: [{nam: 1}]")
    assert len(shape.splitlines()) == 4
    references = problems_of(
        M + "default_model: x\nfallback_models: [y]\n"
        "accounts: [{name: a, base_url: 'ftp://x'}, {name: a, base_url: 'http://a'}]"
    )
    for part in ("default_model", "fallback_models", "accounts[0].base_url", "accounts[1].name"):
        assert part in references


def test_problems_never_tell_a_secret(problems_of: Callable[..., str]) -> None:
    problems = problems_of(
        M + "nope: sk-geheim\n"
        "accounts: [{name: a, base_url: 'http://u:sk-geheim@h', api_key: [sk-geheim]}]"
    )
    assert "geheim" not in problems
