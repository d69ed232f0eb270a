"""Idempotency-Key against a real server with two workers: one call for all who repeat it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from fault_gateway import FakeUpstream, Told, ask, config, gateway, terminal_of, upstream
from gateway_process import GatewayProcess

STATUS = "x-router-idempotency-status"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeUpstream]:
    with upstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def served(
    fake: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    root = tmp_path_factory.mktemp("once")
    keys = "keys: [{name: other, key: sk-another-caller-0123}]\n"
    with gateway(root, config(fake, keys), LLM_ROUTER_WORKERS="2") as process:
        yield process


def keyed(served: GatewayProcess, key: str, model: str = "oa/ok", **options: object) -> Told:
    headers = {"Idempotency-Key": key, **options.pop("headers", {})}  # type: ignore[dict-item]
    return ask(served, "chat", model, **options, **headers)  # type: ignore[arg-type]


def new_key() -> str:
    return str(uuid.uuid4())


def test_duplicates_at_the_same_time_share_one_call(
    served: GatewayProcess, fake: FakeUpstream
) -> None:
    key, model = new_key(), "oa/ok+wait.1"
    with ThreadPoolExecutor(12) as pool:
        told = list(pool.map(lambda _: keyed(served, key, model), range(12)))
    assert {answer.status for answer in told} == {200}
    assert len({answer.body for answer in told}) == 1
    said = sorted(answer.headers[STATUS] for answer in told)
    assert said == ["replayed"] * 11 + ["stored"]
    assert len(fake.calls("ok+wait.1")) == 1
    assert len({answer.headers["x-request-id"] for answer in told}) == 12
    assert served.workers() != []


def test_a_replay_is_on_record_as_one(served: GatewayProcess) -> None:
    key = new_key()
    first, again = keyed(served, key), keyed(served, key)
    assert again.body == first.body
    assert again.headers["x-router-model"] == first.headers["x-router-model"]
    record = terminal_of(served, again.headers["x-request-id"])
    assert (record["outcome"], record["note"]) == ("success", "idempotency_replay")
    assert record["attempts"] == 0
    assert terminal_of(served, first.headers["x-request-id"])["note"] is None


def test_another_body_with_the_same_key_is_422(served: GatewayProcess) -> None:
    key = new_key()
    keyed(served, key, text="one")
    told = keyed(served, key, text="two")
    assert told.status == 422
    assert told.json["error"]["code"] == "idempotency_key_reused"


def test_a_key_is_bound_to_caller_and_path(served: GatewayProcess, fake: FakeUpstream) -> None:
    key = new_key()
    keyed(served, key)
    other = {"Authorization": "Bearer sk-another-caller-0123"}
    assert keyed(served, key, headers=other, text="a secret").headers[STATUS] == "stored"
    elsewhere = ask(served, "messages", "an/ok", **{"Idempotency-Key": key})
    assert elsewhere.headers[STATUS] == "stored"


def test_a_failure_is_never_stored(served: GatewayProcess, fake: FakeUpstream) -> None:
    key, model = new_key(), "oa/fail_once+code.500"
    failed, mended = keyed(served, key, model), keyed(served, key, model)
    assert (failed.status, mended.status) == (500, 200)
    assert STATUS not in failed.headers
    assert mended.headers[STATUS] == "stored"


def test_streams_are_served_each_for_itself(served: GatewayProcess, fake: FakeUpstream) -> None:
    key, model = new_key(), "oa/ok+n.3"
    for _ in range(2):
        told = keyed(served, key, model, stream=True)
        assert STATUS not in told.headers
        assert told.body.endswith(b"data: [DONE]\n\n")
    assert len(fake.calls("ok+n.3")) == 2


@pytest.mark.parametrize("key", ["x" * 256, "a b"])
def test_a_key_that_cannot_be_one_is_refused(served: GatewayProcess, key: str) -> None:
    told = keyed(served, key)
    assert told.status == 400
    assert told.json["error"]["param"] == "Idempotency-Key"
