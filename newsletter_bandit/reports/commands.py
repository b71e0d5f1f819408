"""Commands as a reader of the report can type them: with the options that the training was called with."""

from __future__ import annotations

from typing import Protocol

# Where nobody knows the files, a command says so: without them it would mean another use case.
UNKNOWN = "--use-case FILE --environment FILE"


class Called(Protocol):
    """Evidence that knows the options of the command that made it."""

    @property
    def options(self) -> str | None:
        """Options such as "--use-case shop.yaml"; None where they are unknown."""


def complete(command: str, evidence: Called) -> str:
    """The command, without the program's name, with the options that it needs here."""
    options = UNKNOWN if evidence.options is None else evidence.options
    return f"{command} {options}".strip()
