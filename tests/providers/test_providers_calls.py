"""Golden calls: URL, headers and credential of every kind of provider."""

import pytest

from router.canonical.request import ModelTraits
from router.canonical.secret import Secret
from router.errors import (
    ContextTooLong,
    ProtocolViolation,
    UpstreamAuthFailed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from router.providers.base import Account, Operation, Quirks, Target
from router.providers.kinds import KINDS
from router.providers.quirks import with_defaults

KEY = Secret("sk-secret")
CHAT = Operation("openai_chat")


def target(kind: str, base_url: str, model: str = "m-1", **account: object) -> Target:
    return Target(
        "ours",
        Account("acc", kind, kind, base_url, **account),
        ModelTraits(model),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
        ("https://api.z.ai/api/paas/v4", "https://api.z.ai/api/paas/v4/chat/completions"),
        ("https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1/chat/completions"),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        ),
    ],
)
def test_a_version_segment_is_never_doubled(base_url: str, url: str) -> None:
    assert KINDS["openai"].build(target("openai", base_url), CHAT, b"{}", KEY).url == url


def test_openai_gets_a_bearer_token_and_its_organisation() -> None:
    where = target("openai", "https://h/v1", organization="org-1", project="proj-1")
    call = KINDS["openai"].build(where, CHAT, b"{}", KEY)
    assert call.headers["Authorization"] == "Bearer sk-secret"
    assert call.headers["OpenAI-Organization"] == "org-1"
    assert call.headers["OpenAI-Project"] == "proj-1"
    assert call.body == b"{}"


def test_a_server_without_keys_is_called_without_authorization() -> None:
    call = KINDS["openai"].build(target("openai", "http://localhost:11434"), CHAT, b"{}", None)
    assert "Authorization" not in call.headers


def test_an_unversioned_service_gets_no_version() -> None:
    where = target("openai", "https://api.perplexity.ai", quirks=Quirks(versioned=False))
    call = KINDS["openai"].build(where, CHAT, b"{}", KEY)
    assert call.url == "https://api.perplexity.ai/chat/completions"


def test_responses_are_spoken_unless_the_account_has_none() -> None:
    openai = KINDS["openai"]
    without = Account("a", "x", "openai", "http://h", quirks=Quirks(responses_api=False))
    assert openai.formats(Account("a", "x", "openai", "http://h"))[1:] == ("openai_responses",)
    assert openai.formats(without) == ("openai_chat",)
    assert not openai.supports(without, Operation("openai_responses"))


def test_an_account_may_have_responses_only() -> None:
    only = Account("a", "x", "openai", "http://h", quirks=Quirks(chat_api=False))
    assert KINDS["openai"].formats(only) == ("openai_responses",)


def test_anthropic_takes_its_key_and_version() -> None:
    where = target("anthropic", "https://api.anthropic.com")
    call = KINDS["anthropic"].build(where, Operation("anthropic_messages"), b"{}", KEY)
    assert call.url == "https://api.anthropic.com/v1/messages"
    assert call.headers["x-api-key"] == "sk-secret"
    assert call.headers["anthropic-version"] == "2023-06-01"
    assert "Authorization" not in call.headers


def test_anthropic_oauth_tokens_go_as_bearer() -> None:
    where = target("anthropic", "https://api.anthropic.com", auth_mode="oauth")
    call = KINDS["anthropic"].build(where, Operation("count_tokens"), b"{}", KEY)
    assert call.url.endswith("/v1/messages/count_tokens")
    assert call.headers["Authorization"] == "Bearer sk-secret"
    assert "x-api-key" not in call.headers


@pytest.mark.parametrize(
    ("operation", "method"),
    [
        (Operation("gemini"), "generateContent"),
        (Operation("gemini", stream=True), "streamGenerateContent?alt=sse"),
        (Operation("gemini_embeddings"), "batchEmbedContents"),
    ],
)
def test_gemini_has_model_and_method_in_the_path_and_the_key_in_a_header(
    operation: Operation, method: str
) -> None:
    where = target("gemini", "https://g.example", model="gemini-2.5-pro")
    call = KINDS["gemini"].build(where, operation, b"{}", KEY)
    assert call.url == f"https://g.example/v1beta/models/gemini-2.5-pro:{method}"
    assert call.headers["x-goog-api-key"] == "sk-secret"
    assert "sk-secret" not in call.url


def test_a_gemini_model_cannot_leave_its_path() -> None:
    where = target("gemini", "https://g.example", model="../../admin")
    call = KINDS["gemini"].build(where, Operation("gemini"), b"{}", KEY)
    assert "/../" not in call.url


def test_azure_has_the_deployment_in_the_path() -> None:
    where = target("azure", "https://r.openai.azure.com", model="dep 1", api_version="2024-06-01")
    call = KINDS["azure"].build(where, CHAT, b"{}", KEY)
    assert call.url == (
        "https://r.openai.azure.com/openai/deployments/dep%201/chat/completions"
        "?api-version=2024-06-01"
    )
    assert call.headers["api-key"] == "sk-secret"
    assert "Authorization" not in call.headers


def test_azure_responses_belong_to_the_resource() -> None:
    where = target("azure", "https://r.openai.azure.com/openai", api_version="2025-04-01-preview")
    call = KINDS["azure"].build(where, Operation("openai_responses"), b"{}", KEY)
    assert call.url.startswith("https://r.openai.azure.com/openai/responses?api-version=2025")


def test_a_call_never_shows_its_credential() -> None:
    call = KINDS["openai"].build(target("openai", "https://h"), CHAT, b"{}", KEY)
    assert "sk-secret" not in repr(call)


@pytest.mark.parametrize(
    ("kind", "status", "body", "expected"),
    [
        ("openai", 401, b'{"error":{"message":"no"}}', UpstreamAuthFailed),
        ("openai", 402, b'{"error":{"message":"Insufficient Balance"}}', UpstreamAuthFailed),
        ("openai", 429, b"", UpstreamRateLimited),
        ("openai", 400, b'{"error":{"message":"bad"}}', UpstreamRejected),
        (
            "openai",
            400,
            b'{"error":{"message":"m","code":"context_length_exceeded"}}',
            ContextTooLong,
        ),
        ("openai", 500, b"<html>policy</html>", UpstreamUnavailable),
        ("openai", 504, b"", UpstreamTimeout),
        ("openai", 302, b"", ProtocolViolation),
        (
            "anthropic",
            529,
            b'{"type":"error","error":{"type":"overloaded_error","message":"o"}}',
            UpstreamUnavailable,
        ),
        (
            "gemini",
            400,
            b'{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT",'
            b'"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",'
            b'"reason":"API_KEY_INVALID"}]}}',
            UpstreamAuthFailed,
        ),
    ],
)
def test_answers_are_classified(
    kind: str, status: int, body: bytes, expected: type[Exception]
) -> None:
    assert type(KINDS[kind].classify(status, {}, body)) is expected


def test_the_wait_is_read_from_headers_or_geminis_body() -> None:
    by_header = KINDS["openai"].classify(429, {"retry-after": "7"}, b"")
    by_body = KINDS["gemini"].classify(
        429,
        {},
        b'{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":'
        b'[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3s"}]}}',
    )
    assert by_header.facts.retry_after_s == 7
    assert by_body.facts.retry_after_s == 3


def test_azure_speaks_responses_only_in_versions_that_have_them() -> None:
    def spoken(version: str | None) -> tuple[str, ...]:
        account = target("azure", "https://r.openai.azure.com", api_version=version).account
        return KINDS["azure"].formats(account)

    assert spoken("2024-10-21") == ("openai_chat",)
    for version in (None, "2025-03-01-preview", "2025-04-01-preview", "v1"):
        assert spoken(version) == ("openai_chat", "openai_responses")


@pytest.mark.parametrize(
    ("format_name", "written"),
    [
        ("openai_chat", {"max_tokens": 9, "stop": "X", "seed": 1, "top_k": 2, "own": 3}),
        ("openai_responses", {"max_output_tokens": 9, "own": 3}),
        ("anthropic_messages", {"max_tokens": 9, "stop_sequences": "X", "top_k": 2, "own": 3}),
    ],
)
def test_defaults_are_written_as_the_format_has_them(
    format_name: str, written: dict[str, object]
) -> None:
    defaults = {"max_tokens": 9, "stop": "X", "seed": 1, "top_k": 2, "own": 3}
    assert with_defaults({}, defaults, format_name) == written
    assert with_defaults(written, {"max_tokens": 1}, format_name) == written
