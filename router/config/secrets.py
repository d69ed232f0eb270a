"""This module finds secrets: literal, by reference, in files, in systemd's credentials."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from router.canonical.secret import Secret

_LITELLM_REFERENCE = "os.environ/"
_BRACED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Resolved:
    """What became of a value that may name variables.

    Attributes
    ----------
    secret : Secret, optional
        None where nothing was configured, or what was named is not there.
    missing : tuple of str
        One sentence for each variable that was named and not found.
    """

    secret: Secret | None = None
    missing: tuple[str, ...] = ()

    @property
    def text(self) -> str | None:
        """The value, for fields that are no secrets."""
        return self.secret.value if self.secret else None


@dataclass(frozen=True, slots=True)
class Secrets:
    """Where secrets are looked up.

    A name is taken from the environment, else from the file that ``<NAME>_FILE`` names
    (Docker's convention), else from ``$CREDENTIALS_DIRECTORY/<NAME>``
    (https://systemd.io/CREDENTIALS/).
    """

    env: Mapping[str, str] = field(repr=False)

    def find(self, name: str) -> str | None:
        """Return the value of a variable, or None; empty counts as not set."""
        value = self.env.get(name)
        if value and value.strip():
            return value.strip()
        path = self._file(name)
        return _read(path) if path else None

    def names(self, name: str) -> bool:
        """Tell whether anything is configured under a name, readable or not."""
        return bool(self.env.get(name, "").strip()) or self._file(name) is not None

    def why_missing(self, name: str) -> str:
        """Say what to do about a name that `find` does not find."""
        path = self.env.get(f"{name}_FILE")
        if path:
            return f"{name}_FILE names {path}, which cannot be read or is empty"
        return (
            f"{name} is not set; set it in the environment or .env, "
            f"or give {name}_FILE or a systemd credential {name}"
        )

    def expand(self, text: str) -> Resolved:
        """Return a value with ``os.environ/NAME`` or ``${NAME}`` replaced.

        Examples
        --------
        >>> Secrets({"KEY": "s3"}).expand("os.environ/KEY").text
        's3'
        >>> Secrets({"KEY": "s3"}).expand("Token ${KEY}").text
        'Token s3'
        >>> Secrets({}).expand("${KEY}").text is None
        True
        """
        if text.startswith(_LITELLM_REFERENCE):
            return self.variable(text.removeprefix(_LITELLM_REFERENCE).strip())
        names = _BRACED.findall(text)
        found = {name: self.find(name) for name in names}
        missing = tuple(self.why_missing(name) for name in found if found[name] is None)
        if missing or not text.strip():
            return Resolved(None, missing)
        value = _BRACED.sub(lambda match: found[match[1]] or "", text)
        return Resolved(Secret(value.strip()))

    def variable(self, name: str) -> Resolved:
        """Return the value of a variable that was named."""
        if not _NAME.fullmatch(name):
            return Resolved(None, ("the reference does not name a variable",))
        value = self.find(name)
        return Resolved(Secret(value)) if value else Resolved(None, (self.why_missing(name),))

    def choose(self, variable: str | None, literal: str | None) -> Resolved:
        """Return what a ``…_env`` field and its literal twin give; the variable wins."""
        named = self.variable(variable) if variable else Resolved()
        if named.secret or literal is None:
            return named
        given = self.expand(literal)
        return given if given.secret else Resolved(None, named.missing + given.missing)

    def _file(self, name: str) -> Path | None:
        """Return the file that holds a secret, where one is configured."""
        if path := self.env.get(f"{name}_FILE"):
            return Path(path)
        directory = self.env.get("CREDENTIALS_DIRECTORY")
        if directory and _NAME.fullmatch(name) and (path_ := Path(directory) / name).is_file():
            return path_
        return None


def is_sendable(secret: Secret) -> bool:
    """Tell whether a secret can stand in a header: no line breaks, no control characters."""
    return not any(ord(char) < 32 or ord(char) == 127 for char in secret.value)


def _read(path: Path) -> str | None:
    """Return a secret file's text without the newline that editors add."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return None
    return text.strip() or None
