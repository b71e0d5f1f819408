"""A commit is checked as `make lint` checks, with the tools of .venv and without the network."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_the_hooks_are_the_commands_of_make_lint() -> None:
    rule = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert rule is not None
    lint = [shlex.split(line) for line in rule[1].splitlines()]
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert local["repo"] == "local"
    for hook in local["hooks"]:
        # A file's name would be added to the command, and a language of its own fetched for it.
        assert (hook["language"], hook["pass_filenames"]) == ("system", False), hook["id"]
    assert [_command(hook["entry"]) for hook in local["hooks"]] == lint


def _command(entry: str) -> list[str]:
    words = shlex.split(entry)
    # pre-commit starts no shell, which a pattern of files needs.
    return shlex.split(words[2]) if words[:2] == ["bash", "-c"] else words
