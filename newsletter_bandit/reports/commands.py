"""Commands as a reader of the report can type them: with the options that the training was called with."""

from __future__ import annotations

from newsletter_bandit.reports.evidence import Evidence

# Where nobody knows the files, a command says so: without them it would mean another use case.
UNKNOWN = "--use-case FILE --environment FILE"


def complete(command: str, evidence: Evidence) -> str:
    """The command, without the program's name, with the options that it needs here."""
    options = UNKNOWN if evidence.options is None else evidence.options
    return f"{command} {options}".strip()
