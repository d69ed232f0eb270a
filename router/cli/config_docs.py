"""This module writes ``docs/configuration.md``: ``python -m router.cli.config_docs``."""

from __future__ import annotations

from router.cli.settings import ROOT
from router.config.schema.document import document

PATH = ROOT / "docs" / "configuration.md"


def write() -> None:
    """Write the document anew."""
    PATH.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    write()
