"""Commands on a damaged or impossible work folder end with one sentence that names the place, and with 2."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Done

USE_CASE = "newsletter"


def refused(done: Done) -> str:
    """The one sentence of a command that was refused."""
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


@pytest.mark.parametrize(
    "words", [["predict"], ["models", "list"], ["models", "pin"], ["models", "rollback", "--previous"]]
)
def test_a_folder_where_the_pointer_belongs(words: list[str], tmp_path: Path, command: Command) -> None:
    pointer = tmp_path / "registry" / USE_CASE / "CURRENT"
    pointer.mkdir(parents=True)
    said = refused(command(*words, "--workdir", tmp_path))
    assert f"{pointer}: Is a directory; move away what is there" in said


@pytest.mark.parametrize(
    "words",
    [
        ["train"],
        ["predict"],
        ["models", "list"],
        ["ingest", "training", "configs/newsletter.yaml"],
        ["serve"],
        ["demo"],
    ],
)
def test_a_work_folder_that_cannot_be_made(words: list[str], tmp_path: Path, command: Command) -> None:
    (tmp_path / "file").write_text("")
    said = refused(command(*words, "--workdir", tmp_path / "file" / "work"))
    assert str(tmp_path / "file") in said


@pytest.mark.parametrize("kind", ["missing", "text", "folder", "empty", "another", "truncated"])
def test_no_store_to_serve(kind: str, tmp_path: Path, command: Command) -> None:
    path = tmp_path / f"rankings-{USE_CASE}.sqlite"
    if kind == "text":
        path.write_text("no database, but long enough to be taken for one\n" * 100)
    elif kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.write_text("")
    elif kind in ("another", "truncated"):
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE other (a)")
            connection.executemany("INSERT INTO other VALUES (?)", [("x" * 1000,)] * 100)
        connection.close()
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:5000])
    assert str(path) in refused(command("serve", "--workdir", tmp_path))
