"""The command line in the test's own process: what a command prints, and the code that it ends with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
import typer

from pipelines.cli.main import app

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


class Command(Protocol):
    """Runs the command line on some arguments, from the repository's root."""

    def __call__(self, *arguments: str | Path) -> Done: ...


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """See `Command`. `test_cli.py` also starts processes, which take half a second each."""
    monkeypatch.chdir(ROOT)

    def run(*arguments: str | Path) -> Done:
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            typer.main.get_command(app).main([*map(str, arguments)], prog_name="newsletter-bandit")
        # Click ends with None where all went well.
        return Done(int(end.value.code or 0), *capfd.readouterr())

    return run
