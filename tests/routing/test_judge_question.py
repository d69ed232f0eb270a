import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.canonical.prompt import PromptView
from router.routing.question import WINDOW_CHARS, question, spoken


def asked(*turns: str) -> str:
    return question(PromptView("openai_chat", user_turns=turns, turn_count=len(turns)))


@pytest.mark.parametrize(
    "block",
    [
        "<environment_context>\n<cwd>/src</cwd>\n</environment_context>",
        "<system-reminder>\nDo not use sudo.\n</system-reminder>",
        '<session_context>\nToday is Sunday. {"a": 1}\n</session_context>',
        "<user_instructions>Always write tests.</user_instructions>",
        '<file_content path="a.py">\ndef f(): pass\n</file_content>',
    ],
)
def test_blocks_that_a_program_added_are_not_the_question(block: str) -> None:
    assert spoken(f"{block}\n\nfix it") == "fix it"
    assert spoken(f"fix it\n{block}") == "fix it"
    assert spoken(f"{block}\n{block}") == ""


def test_markup_that_the_caller_asks_about_stays() -> None:
    text = "<section>\n<p>Why is this not centred?</p>\n</section>"
    assert spoken(text) == text


def test_an_unclosed_block_stays() -> None:
    assert spoken("<system-reminder> what is this?") == "<system-reminder> what is this?"


def test_an_agents_setup_turn_is_skipped() -> None:
    setup = "This is the Qwen Code. We are setting up the context for our chat.\nToday's date …"
    assert asked(setup, "Say hello") == "Say hello"


def test_a_short_turn_is_read_with_the_one_before() -> None:
    assert asked("Write a parser in Go for INI files.", "yes, go on") == (
        "Write a parser in Go for INI files.\nyes, go on"
    )


def test_a_full_turn_is_read_alone() -> None:
    last = "Now tell me about the history of Venice."
    assert asked("Write a parser in Go for INI files.", last) == last


def test_of_a_retrieval_template_only_the_query_counts() -> None:
    text = "### Task:\nUse the context.\n<context>\nlong\n</context>\n\nWho was Ada?"
    assert spoken(text) == "Who was Ada?"
    assert spoken("### Task:\nx\n<user_query>\nWho?\n</user_query>").strip() == "Who?"


def test_a_long_pasted_code_block_is_cut_short() -> None:
    text = "Why?\n```py\n" + "x = 1\n" * 200 + "```"
    assert len(spoken(text)) < 450


@given(st.text(max_size=400), st.integers(0, 30))
def test_reading_never_fails_and_never_grows_beyond_the_window(text: str, times: int) -> None:
    assert len(asked(text * times)) <= WINDOW_CHARS + 1
