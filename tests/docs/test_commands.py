"""The commands in the pages exist, with the options that they are shown with."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import pytest
import typer

from pipelines.cli.main import app
from tests.docs.pages import ROOT, commands, pages

_PROGRAM = typer.main.get_command(app)
_COMMANDS = [(page, number, words) for page in pages() for number, words in commands(page)]


def _parse(words: list[str]) -> None:
    """Parses a command line as the program does, but looks for no file and runs nothing."""
    command: Any = _PROGRAM
    names, rest = ["newsletter-bandit"], [*words]
    while hasattr(command, "commands"):
        if command.invoke_without_command and (not rest or rest[0].startswith("-")):
            break
        assert rest, f"{' '.join(names)}: a command is missing"
        assert rest[0] in command.commands, f"{' '.join(names)} has no command {rest[0]}"
        command = command.commands[rest[0]]
        names.append(rest.pop(0))
    context = command.context_class(command, info_name=command.name)
    values, over, _ = command.make_parser(context).parse_args(args=rest)
    assert not over, f"{' '.join(names)} takes no {over}"
    for parameter in command.params:
        given, kind = values.get(parameter.name), parameter.type_descriptor.annotation
        if isinstance(given, str) and isinstance(kind, type) and issubclass(kind, enum.Enum):
            assert given in [one.value for one in kind], f"{parameter.name}: {given} is no {kind.__name__}"


@pytest.mark.parametrize(
    ("page", "number", "words"),
    _COMMANDS,
    ids=[f"{page.relative_to(ROOT)}:{number}" for page, number, _ in _COMMANDS],
)
def test_a_documented_command_is_one_that_the_program_takes(
    page: Path, number: int, words: list[str]
) -> None:
    if words in ([], ["COMMAND", "--help"], ["--help"]):
        return
    _parse([word for word in words if word != "--help"])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["trian"], "has no command trian"),
        (["train", "--no-such-option", "1"], "--no-such-option"),
        (["ingest", "rows", "a.csv"], "rows is no"),
        (["train", "now"], "takes no"),
    ],
)
def test_a_command_that_does_not_exist_is_found(words: list[str], why: str) -> None:
    with pytest.raises(Exception, match=why):
        _parse(words)


def test_the_pages_show_every_command() -> None:
    shown = {" ".join(words[:length]) for _, _, words in _COMMANDS for length in (1, 2)}
    program: Any = _PROGRAM
    groups = {name: one for name, one in program.commands.items() if hasattr(one, "commands")}
    known = {name for name in program.commands if name not in groups}
    known |= {name for name, group in groups.items() if group.invoke_without_command}
    known |= {f"{name} {below}" for name, group in groups.items() for below in group.commands}
    assert known - shown == set()
