"""`.env.example` can be used as it stands, and as it is meant: line by line without the mark."""

from __future__ import annotations

from pathlib import Path

from router.config.settings import Settings, parse_dotenv

TEXT = (Path(__file__).resolve().parents[2] / ".env.example").read_text()


def test_every_line_that_is_switched_on_is_understood(tmp_path: Path) -> None:
    lines = [line.removeprefix("#") for line in TEXT.splitlines() if line.startswith("#")]
    switched_on = "\n".join(line for line in lines if line[:1].isupper() and "=" in line)
    values = parse_dotenv(switched_on, {})
    assert len(values) == len(switched_on.splitlines()) > 40
    settings = Settings.read({}, {}, tmp_path, switched_on)
    assert (settings.host, settings.port, settings.workers) == ("localhost", 8086, 1)
    assert settings.ingress_keys == ()
    assert values["DATABASE_URL"] == "postgresql://openwebui:@localhost:5432/openwebui"


def test_as_it_stands_it_sets_nothing() -> None:
    assert parse_dotenv(TEXT, {}) == {}
