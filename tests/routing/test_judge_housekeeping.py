import pytest

from router.canonical.prompt import PromptView
from router.routing.classify import Judge
from router.routing.housekeeping import errand

HISTORY = "### Chat History:\n<chat_history>\nUSER: prove Fermat\nASSISTANT: \n</chat_history>"
TEMPLATES = {
    "title": '### Task:\nName the chat.\n### Output:\nJSON format: { "title": "x" }\n' + HISTORY,
    "tags": "### Task:\nGive tags.\n\n### Output:\nJSON format\n\n" + HISTORY,
    "autocomplete": "### Task:\nYou are an autocompletion system.\n### Output: JSON\n### Context:\n"
    "<chat_history>\nUSER: a\n</chat_history>\n<type>search query</type>\n<text>how</text>\n"
    "#### Output:",
}


def view(*turns: str, system: str = "", tools: bool = False) -> PromptView:
    return PromptView(
        "openai_chat", user_turns=turns, turn_count=len(turns), system=system, has_tools=tools
    )


@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_background_template_is_known_by_its_shape(kind: str) -> None:
    assert errand(view(TEMPLATES[kind])) == "template"


def test_a_long_quoted_chat_does_not_hide_the_template() -> None:
    long = TEMPLATES["title"].replace("prove Fermat", "prove Fermat " * 20_000)
    assert errand(view(long)) == "template"


@pytest.mark.parametrize(
    "task", ["title_generation", "tags_generation", "query_generation", "emoji_generation"]
)
def test_the_header_tells(task: str) -> None:
    assert errand(view("whatever"), {"x-openwebui-task": task}) == task


@pytest.mark.parametrize("task", ["", "default", "{{TASK}}", "moa_response_generation"])
def test_other_values_of_the_header_are_chats(task: str) -> None:
    assert errand(view("Prove that 7 is prime."), {"x-openwebui-task": task}) is None


@pytest.mark.parametrize(
    "system",
    [
        "You are a title generator. You output ONLY a thread title.",
        "You are a helpful AI assistant tasked with summarizing conversations.",
        "\nYou are a specialized Task Routing AI. Your sole function is …",
        "You are now acting as the managed memory extraction subagent for an AI assistant.",
        "Generate a concise title (3-7 words) that captures the topic of this coding session.",
    ],
)
def test_an_agents_errand_is_known_by_its_system_prompt(system: str) -> None:
    assert errand(view("Implement raft in Rust", system=system)) is not None


def test_codex_says_itself_that_it_compacts() -> None:
    headers = {"x-codex-turn-metadata": '{"request_kind":"compaction"}'}
    assert errand(view("long"), headers) == "summary"
    assert errand(view("long"), {"x-codex-turn-metadata": '{"request_kind":"turn"}'}) is None


@pytest.mark.parametrize(
    "turn",
    [
        "### Task:\nWrite an essay on the causes of the war.\n### Output:\n500 words",
        "### Task:\nReturn JSON format with the title of each book.\n- Emma\n- Ulysses",
        "What does <chat_history> mean in this template?\n### Task: ...",
        "Generate a catchy title for my blog post about bees.",
        "Summarize this conversation: A: hi. B: hello.",
        "### Task:\nRespond using the context.\n### Output:\nClear.\n<context>bees</context>\n"
        "How do bees sleep?",
    ],
)
def test_a_persons_request_is_no_errand(turn: str) -> None:
    assert errand(view(turn)) is None


def test_a_template_quoted_later_in_a_chat_is_no_errand() -> None:
    assert errand(view("hi", TEMPLATES["title"])) is None


@pytest.mark.parametrize("kind", TEMPLATES)
def test_an_errand_is_always_low(kind: str) -> None:
    judgement = Judge.from_file().judge(view(TEMPLATES[kind] + "\n"))
    assert (judgement.task, judgement.complexity) == ("housekeeping", "low")
