"""The option `--json FILE`: what a command found, for a program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from newsletter_bandit.errors import SettingsError

JsonFileOption = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Write the outcome to this file, for a program."),
]


def check_folder(path: Path | None) -> None:
    """Makes sure, before anything runs, that the file's folder is there; raises `SettingsError` if not."""
    if path is not None and not path.absolute().parent.is_dir():
        raise SettingsError(f"`json_file`: {path.parent}: no such folder; use a folder that exists")


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Writes one JSON object, whole or not at all; raises `SettingsError` where it cannot."""
    from newsletter_bandit.files import write_text

    try:
        write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise SettingsError(
            f"`json_file`: {path}: {error.strerror}; use a file that can be written"
        ) from error
