"""This module pairs function results with their calls, which often come without ids."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that awaits its result: the id that the client gave, its name, our id."""

    given_id: str | None
    name: str
    call_id: str


class Pairing:
    """Pairs results with calls: by id where both have one, else by name and order."""

    def __init__(self) -> None:
        self._waiting: list[_Call] = []
        self._ids: set[str] = set()

    def begin_step(self) -> None:
        """Forget calls of earlier steps: what was not answered then never will be."""
        self._waiting.clear()

    def call(self, given_id: str | None, name: str) -> str:
        """Return a call's id; one without is numbered, the same in every turn."""
        call_id = given_id or ""
        number = len(self._ids)
        while not call_id or call_id in self._ids:
            call_id = f"call_{number}"
            number += 1
        self._ids.add(call_id)
        self._waiting.append(_Call(given_id, name, call_id))
        return call_id

    def result(self, given_id: str | None, name: str) -> str | None:
        """Return the id of the call that a result answers; None where there is none."""
        found = next(
            (call for call in self._waiting if given_id and call.given_id == given_id),
            None,
        ) or next((call for call in self._waiting if call.name == name), None)
        if found is None:
            return None
        self._waiting.remove(found)
        return found.call_id
