from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from router.config.load import load
from router.config.settings import Settings
from router.config.snapshot import Note, Snapshot
from router.errors import ConfigError

Load = Callable[..., Snapshot]


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Load a file's text (None: no file) below an otherwise empty root."""

    def run(
        text: str | None,
        place: str = "config/router.yaml",
        env: Mapping[str, str] | None = None,
        dotenv: str = "",
        discovered: Mapping[str, tuple[str, ...]] | None = None,
        flags: Mapping[str, str | None] | None = None,
    ) -> Snapshot:
        if text is not None:
            (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place).write_text(text)
        if dotenv:
            (tmp_path / ".env").write_text(dotenv)
        settings = Settings.read(flags or {}, env or {}, tmp_path)
        return load(settings, discovered or {})

    return run


@pytest.fixture
def problems_of(load_text: Load) -> Callable[..., str]:
    """Return the problems of a configuration that must be refused, one a line."""

    def run(text: str | None, *args: object, **kwargs: object) -> str:
        with pytest.raises(ConfigError) as caught:
            load_text(text, *args, **kwargs)
        assert len(set(caught.value.problems)) == len(caught.value.problems)
        return "\n".join(caught.value.problems)

    return run


@pytest.fixture
def notes_of() -> Callable[[Snapshot, str], list[Note]]:
    """Return a snapshot's notes of one level."""
    return lambda snapshot, level: [note for note in snapshot.notes if note.level == level]
