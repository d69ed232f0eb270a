import json
from dataclasses import replace

import pytest

from router.canonical.prompt import PromptView
from router.routing.classify import Judge, Thresholds

JUDGE = Judge.from_file()
TIERS = ["low", "medium", "high", "xhigh"]


def view(*turns: str) -> PromptView:
    return PromptView(
        "openai_chat",
        user_turns=turns,
        turn_count=len(turns),
        first_user=turns[0] if turns else "",
        user_chars=sum(map(len, turns)),
    )


@pytest.mark.parametrize(
    ("prompt", "task"),
    [
        ("Write a Python function that merges two sorted lists.", "coding"),
        ("用Go实现一个线程安全的队列，并写测试。", "coding"),
        ("Schreibe eine SQL-Abfrage, die doppelte Zeilen findet.", "coding"),
        ("Prove that the product of two odd numbers is odd.", "thinking"),
        ("Ein Zug fährt 240 km in 3 Stunden. Wie schnell fährt er?", "thinking"),
        ("小明有12个苹果，吃了3个，又买了8个，现在有几个？", "thinking"),
        ("Translate to French: the shop is closed today.", "instruction_following"),
        ("Escribe un poema sobre el invierno.", "instruction_following"),
        ("お客様へのお礼のメールを書いてください。", "instruction_following"),
        ("What are the benefits of drinking tea?", "general"),
        ("¿Qué puedo visitar en Lima en dos días?", "general"),
        ("hello, how are you?", "general"),
    ],
)
def test_clear_requests_get_their_task(prompt: str, task: str) -> None:
    assert JUDGE.judge(view(prompt)).task == task


def test_small_talk_is_low_and_a_system_to_build_is_hard() -> None:
    hard = (
        "Design and implement a distributed lock service in Go with leases, fencing tokens and "
        "failover; discuss the consistency model, and write tests that inject partitions."
    )
    assert JUDGE.judge(view("hi there")).complexity == "low"
    assert JUDGE.judge(view(hard)).complexity in ("high", "xhigh")


def test_a_large_system_prompt_and_tools_do_not_make_a_greeting_hard() -> None:
    agent = replace(
        view("<environment_context>\n<cwd>/x</cwd>\n</environment_context>", "Say hello"),
        system="You write code. Prove everything. " * 2000,
        has_tools=True,
        input_chars=70_000,
    )
    assert JUDGE.judge(agent).complexity == "low"


def test_coding_with_tools_is_at_least_medium() -> None:
    plain = view("js remove duplicates from array")
    judgement = JUDGE.judge(replace(plain, has_tools=True), thresholds=Thresholds(0.9, 0.95, 0.99))
    assert judgement.complexity == "medium"
    assert judgement.signals["complexity_adjustments"] == ["coding_with_tools"]


@pytest.mark.parametrize(
    ("effort", "least"),
    [("high", "xhigh"), ("xhigh", "xhigh"), ("max", "xhigh"), ("medium", "medium"), ("low", "low")],
)
def test_reasoning_effort_shifts_complexity_and_not_the_task(effort: str, least: str) -> None:
    plain = JUDGE.judge(view("hi there"))
    asked = JUDGE.judge(replace(view("hi there"), reasoning_effort=effort))
    assert asked.complexity == least
    assert asked.task == plain.task


def test_an_image_counts_only_in_the_last_turn() -> None:
    request = view("What is the capital of Peru?")
    assert JUDGE.judge(replace(request, image_in_last_turn=True)).task == "image"
    assert JUDGE.judge(replace(request, has_image=True)).task == "general"


@pytest.mark.parametrize(
    ("endpoint", "task"),
    [("images", "image"), ("openai_embeddings", "embeddings"), ("audio", "audio")],
)
def test_other_endpoints_are_their_own_kind(endpoint: str, task: str) -> None:
    assert JUDGE.judge(replace(view("a cat"), format=endpoint)).task == task


def test_length_is_a_need_and_not_a_difficulty() -> None:
    words = "The minutes of the garden club tell of roses and of tea. "
    short = JUDGE.judge(view("Summarize this: " + words * 10))
    long = JUDGE.judge(view("Summarize this: " + words * 4000))
    assert long.complexity == short.complexity


def test_thresholds_move_the_tiers() -> None:
    request = view("How do vaccines work?")
    strict = JUDGE.judge(request, thresholds=Thresholds(0.0, 0.0, 0.0)).complexity
    lax = JUDGE.judge(request, thresholds=Thresholds(1.1, 1.1, 1.1)).complexity
    assert (strict, lax) == ("xhigh", "low")


def test_signals_are_json_without_words_of_the_prompt() -> None:
    signals = JUDGE.judge(view("zanzibar quokka please")).signals
    told = json.dumps(dict(signals))
    assert "zanzibar" not in told
    assert "quokka" not in told
    assert signals["text_length"] == 22
    assert sum(signals["p"].values()) == pytest.approx(1.0, abs=0.01)


def test_explaining_names_the_words_that_weighed() -> None:
    told = JUDGE.explain(view("debug this python function"))
    assert told["weighed_for"] == "coding"
    assert "python" in told["words"]
    assert told["words"]["python"] > 0


def test_an_empty_request_is_judged_too() -> None:
    assert JUDGE.judge(PromptView("openai_chat")).complexity in TIERS
