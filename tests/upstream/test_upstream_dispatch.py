"""How long calls to each target may take."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from router.canonical.request import ModelTraits
from router.config.snapshot import RetryPolicy
from router.errors import ConnectFailed
from router.formats.registry import INGRESS
from router.providers.base import Account, Target, Timeouts, UpstreamCall
from router.routing.decision import AttemptPlan
from router.state.health import Health
from router.state.retry_tokens import RetryTokens
from router.upstream.answer import Answer
from router.upstream.credentials import Credentials
from router.upstream.dispatch import Dispatcher, Exhausted, Order
from router.upstream.pace import Pace
from router.upstream.prepare import ChatPreparer
from router.upstream.trial import Books, Clocks

NOW_S = 1000.0
BODY = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


class Silent:
    """A journal that writes nothing."""

    def attempt_started(self, *_: Any) -> None: ...
    def connected(self, *_: Any) -> None: ...
    def attempt_failed(self, *_: Any) -> None: ...
    def put_aside(self, *_: Any) -> None: ...


def target(name: str, timeouts: Timeouts | None = None, own: Timeouts | None = None) -> Target:
    account = Account(name, name, "openai", f"https://{name}.example", timeouts=timeouts)
    return Target("m", account, ModelTraits("m"), timeouts=own)


def allowed_s(tmp_path: Path, *targets: Target) -> dict[str, float]:
    """Return how many seconds a whole answer of each target may take."""
    seen: dict[str, float] = {}

    def send(_: UpstreamCall, account: Account, pace: Pace) -> Answer:
        seen[account.name] = pace.answer_left_s()
        raise ConnectFailed("no")

    clocks = Clocks(lambda: NOW_S, lambda: NOW_S, lambda _: None)
    books = Books(Health(), RetryTokens(), clocks)
    credentials = Credentials(send, tmp_path, clocks.now, clocks.monotonic)
    preparer = ChatPreparer(INGRESS["openai_chat"], BODY, False, {}, False)
    order = Order(AttemptPlan(targets), preparer, RetryPolicy(), Timeouts(total_s=60), False)
    with pytest.raises(Exhausted):
        Dispatcher(send, credentials, books, Random(1)).run(order, Silent())
    return seen


def test_an_accounts_and_a_deployments_own_total_bound_their_calls(tmp_path: Path) -> None:
    short = target("short", Timeouts(total_s=3))
    own = target("own", Timeouts(total_s=3), Timeouts(total_s=5))
    assert allowed_s(tmp_path, short, own, target("plain")) == {"short": 3, "own": 5, "plain": 60}


def test_an_account_may_be_given_longer_than_the_rest(tmp_path: Path) -> None:
    long = target("long", Timeouts(total_s=900))
    assert allowed_s(tmp_path, long, target("plain")) == {"long": 900, "plain": 60}
