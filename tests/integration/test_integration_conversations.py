"""Conversations through OpenAI's own SDK, on a server of two workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_process import GatewayProcess, running

openai = pytest.importorskip("openai")

CONFIG = """\
accounts:
  - {name: here, provider: demo, models: [small, big]}
task_routes:
  general: {low: small, medium: small, high: big}
  coding: {default: big}
"""
EASY = "Good morning! Please use the tool clock."
HARD = (
    "Write a Python function that merges two sorted linked lists, and prove its complexity. "
    "Then explain how to make it lock-free."
)
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    root: Path = tmp_path_factory.mktemp("conversations")
    with running(root, CONFIG, LLM_ROUTER_WORKERS="2") as gateway:
        gateway.wait_until(
            lambda: len(list((root / "run" / "workers").glob("*.json"))) == 2, "two workers"
        )
        yield gateway


class Talk:
    """A conversation: what was said so far, and which model answers."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._url = gateway.url + "/v1"
        self.messages: list[dict[str, Any]] = []

    def say(self, text: str, **more: Any) -> str:
        """Say something as the user; return the model that answered."""
        self.messages.append({"role": "user", "content": text})
        return self.send(**more)

    def send(self, **more: Any) -> str:
        # A client of its own for each turn, so that either worker may get it.
        with openai.OpenAI(base_url=self._url, api_key="none", max_retries=0) as client:
            raw = client.chat.completions.with_raw_response.create(
                model="auto", messages=self.messages, **more
            )
        answer = raw.parse().choices[0].message
        self.messages.append(answer.model_dump(exclude_none=True))
        return str(raw.headers["x-router-model"])


def test_a_conversation_moves_up_at_a_harder_turn_and_then_stays(gateway: GatewayProcess) -> None:
    talk = Talk(gateway)
    assert talk.say("Good morning! How are you today?") == "small"
    assert talk.say("And what is your name?") == "small"
    assert talk.say(HARD) == "big"
    assert [talk.say(f"Thanks! ({n})") for n in range(6)] == ["big"] * 6


def test_inside_a_tool_loop_nothing_moves(gateway: GatewayProcess) -> None:
    talk = Talk(gateway)
    assert talk.say(EASY, tools=[CLOCK]) == "small"
    for _ in range(3):
        call = next(m for m in reversed(talk.messages) if m.get("tool_calls"))["tool_calls"][0]
        talk.messages.append(
            {"role": "tool", "tool_call_id": call["id"], "content": "It is noon. " * 50}
        )
        # Asking for much thought would raise a user's turn; within the loop it does not.
        assert talk.send(tools=[CLOCK], reasoning_effort="high") == "small"
    assert talk.say(HARD) == "big"


def test_conversations_do_not_disturb_one_another(gateway: GatewayProcess) -> None:
    one, other = Talk(gateway), Talk(gateway)
    assert one.say(HARD) == "big"
    assert other.say("Hello there, I just wanted to say hi.") == "small"
    assert one.say("Thanks!") == "big"
    assert other.say("Bye!") == "small"
