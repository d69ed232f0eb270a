"""Retries that help and never harm: budgets, breakers, cooldowns, and service after outages."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from fault_gateway import KEY, PROVIDER_KEY, FakeUpstream, Told, ask, gateway, upstream
from gateway_process import GatewayProcess

OPEN_S = 2
GROUPS = {
    "one": ("first",),
    "pair": ("first", "second"),
    "quad": ("first", "second", "third", "fourth"),
}


def config(fake: FakeUpstream) -> str:
    deployments = [
        {
            "model_name": f"{group}/*",
            "litellm_params": {
                "model": "openai/*",
                "api_base": f"{fake.url}/{place}/v1",
                "api_key": PROVIDER_KEY,
                "order": number,
            },
        }
        for group, places in GROUPS.items()
        for number, place in enumerate(places, 1)
    ]
    settings = {"num_retries": 2, "allowed_fails": 4, "cooldown_time": OPEN_S}
    return (
        f"model_list: {json.dumps(deployments)}\nrouter_settings: {json.dumps(settings)}\n"
        f"general_settings: {{master_key: {KEY}}}\n"
        "timeouts: {connect_s: 1, first_content_s: 2, idle_s: 2, total_s: 8}\n"
    )


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeUpstream]:
    with upstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def served(
    fake: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    with gateway(tmp_path_factory.mktemp("failover"), config(fake)) as process:
        yield process


@pytest.fixture(autouse=True)
def mended(fake: FakeUpstream) -> Iterator[None]:
    fake.forget()
    yield
    fake.mend()


def chat(served: GatewayProcess, model: str, **options: bool) -> Told:
    return ask(served, "chat", model, **options)  # type: ignore[arg-type]


def places(fake: FakeUpstream, model: str) -> list[str]:
    """Return where a model was called, in order."""
    return [call["path"].split("/")[1] for call in fake.calls(model)]


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("status", {"code": "500"}),
        ("status", {"code": "529"}),
        ("status", {"code": "401"}),
        ("status", {"code": "429"}),
        ("reset", {}),
        ("html", {}),
        ("error_first", {}),
        ("silent", {}),
    ],
)
def test_what_fails_before_content_is_answered_by_the_next_target(
    served: GatewayProcess, fake: FakeUpstream, fault: str, options: dict[str, str]
) -> None:
    fake.break_all(fault, "/first", **options)
    model = f"ok+tag.{fault}{options.get('code', '')}"
    told = chat(served, f"pair/{model}", stream=True)
    assert (told.status, told.headers["x-router-attempts"]) == (200, "2")
    assert told.body.endswith(b"data: [DONE]\n\n")
    # A reset connection that had been used before may be replayed once, at no cost.
    assert list(dict.fromkeys(places(fake, model))) == ["first", "second"]


@pytest.mark.parametrize("code", [400, 404, 422])
def test_the_callers_own_fault_is_told_at_once(
    served: GatewayProcess, fake: FakeUpstream, code: int
) -> None:
    told = chat(served, f"quad/status+code.{code}")
    assert told.status == code
    assert len(fake.calls(f"code.{code}")) == 1


def test_no_more_than_three_attempts(served: GatewayProcess, fake: FakeUpstream) -> None:
    told = chat(served, "quad/status+code.503")
    assert (told.status, told.headers["x-router-attempts"]) == (503, "3")
    assert places(fake, "code.503") == ["first", "second", "third"]
    assert len(told.json["error"]["metadata"]["attempts"]) == 3
    assert told.headers["x-should-retry"] == "false"


def test_a_blip_among_good_answers_is_invisible(served: GatewayProcess, fake: FakeUpstream) -> None:
    statuses = [chat(served, "one/every+k.7+code.503").status for _ in range(60)]
    assert set(statuses) == {200}
    assert len(fake.calls("every")) > 60


def test_a_connection_that_died_idle_is_replaced_and_counts_for_nothing(
    served: GatewayProcess, fake: FakeUpstream
) -> None:
    told = [chat(served, "one/stale") for _ in range(10)]
    assert {(answer.status, answer.headers["x-router-attempts"]) for answer in told} == {(200, "1")}
    assert any(call["reused"] for call in fake.calls("stale"))


def test_a_short_retry_after_is_waited_for(served: GatewayProcess, fake: FakeUpstream) -> None:
    told = chat(served, "one/fail_once+code.429+wait.1")
    assert told.status == 200
    assert 1.0 <= told.seconds < 4
    assert len(fake.calls("fail_once")) == 2


def test_a_long_one_is_told_and_puts_the_target_aside(
    served: GatewayProcess, fake: FakeUpstream
) -> None:
    first, again = (chat(served, "one/status+code.429+wait.40") for _ in range(2))
    assert (first.status, first.headers["Retry-After"]) == (429, "40")
    assert again.status == 429
    assert 35 <= int(again.headers["Retry-After"]) <= 40
    assert len(fake.calls("wait.40")) == 1, "a cooling target was called"


def test_a_cooling_target_is_skipped_for_the_next(
    served: GatewayProcess, fake: FakeUpstream
) -> None:
    fake.break_all("status", "/first", code="429", wait="40")
    told = [chat(served, "pair/ok+tag.cooling") for _ in range(3)]
    assert [answer.headers["x-router-attempts"] for answer in told] == ["2", "1", "1"]
    assert places(fake, "cooling") == ["first", "second", "second", "second"]


def test_a_breaker_opens_is_seen_and_closes_by_a_probe(
    served: GatewayProcess, fake: FakeUpstream
) -> None:
    fake.break_all("status", "/first", code="500")
    for _ in range(5):
        assert chat(served, "pair/ok+tag.breaker").status == 200
    assert chat(served, "pair/ok+tag.breaker").headers["x-router-attempts"] == "1"
    assert places(fake, "breaker").count("first") == 5
    state = served.request(
        "GET", "/v1/router/status", headers={"Authorization": f"Bearer {KEY}"}
    ).json()
    (breaker,) = [b for b in state["breakers"] if "breaker" in b["target"] and b["retry_in_s"]]
    assert (breaker["state"], breaker["error_class"]) == ("open", "server_error")
    fake.mend()
    fake.forget()
    served.wait_until(
        lambda: (
            chat(served, "pair/ok+tag.breaker").status == 200 and "first" in places(fake, "breaker")
        ),
        "the probe",
    )
    assert chat(served, "pair/ok+tag.breaker").headers["x-router-attempts"] == "1"
    assert places(fake, "breaker")[-1] == "first"


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("status", {"code": "429"}),
        ("status", {"code": "500"}),
        ("status", {"code": "503"}),
        ("reset", {}),
        ("stall_first", {}),
    ],
)
def test_a_total_outage_is_not_made_worse_and_is_over_when_it_is_over(
    served: GatewayProcess, fake: FakeUpstream, fault: str, options: dict[str, str]
) -> None:
    name = f"outage{fault}{options.get('code', '')}"
    # Another model of the same provider fills its bucket again after the tests before.
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: chat(served, "one/ok+tag.fill"), range(110)))
    asked = 120
    fake.break_all(fault, **options)
    with ThreadPoolExecutor(40) as pool:
        told = list(
            pool.map(lambda _: chat(served, f"one/ok+tag.{name}", stream=True), range(asked))
        )
    assert 200 not in {answer.status for answer in told}
    assert len(fake.calls(name)) <= asked * 1.1
    fake.mend()
    began_s = time.monotonic()
    served.wait_until(
        lambda: chat(served, f"one/ok+tag.{name}", stream=True).status == 200, "service"
    )
    assert time.monotonic() - began_s < OPEN_S + 5


def test_requests_that_hang_do_not_slow_the_others(
    served: GatewayProcess, fake: FakeUpstream
) -> None:
    with ThreadPoolExecutor(100) as hanging, ThreadPoolExecutor(4) as others:
        waiting = [
            hanging.submit(chat, served, f"one/silent+tag.{number % 40}", stream=True)
            for number in range(100)
        ]
        fake_is_full_s = time.monotonic() + 10
        while len(fake.calls("silent")) < 100 and time.monotonic() < fake_is_full_s:
            time.sleep(0.05)
        good = list(others.map(lambda _: chat(served, "one/ok+tag.beside"), range(20)))
        assert {answer.status for answer in good} == {200}
        assert max(answer.seconds for answer in good) < 1.5
        assert {answer.result().status for answer in waiting} == {504}
