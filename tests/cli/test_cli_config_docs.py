"""``docs/configuration.md`` says what the schemas say."""

from router.cli.config_docs import PATH
from router.config.schema.document import document


def test_the_document_is_up_to_date() -> None:
    written = PATH.read_text(encoding="utf-8")
    assert written == document(), "run: python -m router.cli.config_docs"


def test_every_level_is_told() -> None:
    text = document()
    for key in ("`accounts`", "`rename`", "`cache_write`", "`litellm_params`", "`tokens_over`"):
        assert f"| {key} |" in text
    assert "### accounts[].quirks" in text
    assert "### models.*" in text
