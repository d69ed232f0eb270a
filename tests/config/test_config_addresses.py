from __future__ import annotations

import pytest

from router.config.addresses import (
    BadAddress,
    checked_base_url,
    is_link_local,
    ollama_base_url,
    take_api_version,
)


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("http://localhost:11434/", "http://localhost:11434"),
        ("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1"),
        ("https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1"),
        ("https://api.openai.com/v1/responses/", "https://api.openai.com/v1"),
        ("https://h/v1/embeddings", "https://h/v1"),
        ("https://h/v1/completions", "https://h/v1"),
        ("https://h/v1beta/models/gemini-pro:generateContent", "https://h/v1beta"),
        (
            "https://e.openai.azure.com/openai/deployments/d/chat/completions",
            "https://e.openai.azure.com",
        ),
        ("https://e.openai.azure.com/openai/deployments/d", "https://e.openai.azure.com"),
        ("https://h/chat/completions-of-mine", "https://h/chat/completions-of-mine"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
    ],
)
def test_an_endpoint_is_cut_to_its_base(given: str, base: str) -> None:
    assert checked_base_url(given) == base


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("ftp://host", "must start with http"),
        ("localhost:11434", "must start with http"),
        ("http://", "names no host"),
        ("http://host:99999", "is not a URL"),
        ("http://[::1", "is not a URL"),
        ("http://user:geheim@host/v1", "put the credential in api_key"),
        ("http://host/v1?key=geheim", "must not carry a query"),
        ("http://host/v1#x", "must not carry a query"),
        ("http://ho st/v1", "must not hold blanks"),
        ("http://host\\@other/", "must not hold blanks"),
        ("http://169.254.169.254/latest", "allow_link_local: true"),
    ],
)
def test_a_bad_address_is_refused_with_the_remedy(address: str, remedy: str) -> None:
    with pytest.raises(BadAddress, match=remedy) as caught:
        checked_base_url(address)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "2852039166",
        "0xA9FEA9FE",
        "0251.0376.0251.0376",
        "169.254.43518",
        "::ffff:169.254.169.254",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "metadata.google.internal.",
        "METADATA",
        "instance-data.ec2.internal",
    ],
)
def test_metadata_services_are_recognised_in_every_spelling(host: str) -> None:
    assert is_link_local(host)


@pytest.mark.parametrize(
    "host", ["localhost", "10.0.0.1", "::1", "192.168.1.1", "api.x.ai", "fd00::1"]
)
def test_private_and_public_hosts_are_not_link_local(host: str) -> None:
    assert not is_link_local(host)


def test_a_link_local_address_is_taken_where_it_is_meant() -> None:
    assert checked_base_url("http://169.254.1.2/v1", allow_link_local=True).endswith("/v1")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("localhost", "http://localhost:11434"),
        ("0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("http://gpu:80/", "http://gpu:80"),
        ("https://ollama.example", "https://ollama.example:443"),
        ("[::1]", "http://[::1]:11434"),
    ],
)
def test_ollama_host_means_what_ollama_takes_it_for(host: str, url: str) -> None:
    assert ollama_base_url(host) == url


def test_azures_version_is_split_off_and_other_queries_are_not() -> None:
    assert take_api_version("https://h/?api-version=2024-02-01") == ("https://h/", "2024-02-01")
    assert take_api_version("https://h/?x=1") == ("https://h/?x=1", None)
