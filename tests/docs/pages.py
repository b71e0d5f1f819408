"""The project's Markdown pages, and the commands in their code blocks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PROGRAM = re.compile(r"(?:^|[\s;&|$(])newsletter-bandit (.*)")


def pages() -> list[Path]:
    """Every page, sorted by path."""
    folders = [ROOT / name for name in ("docs", "benchmarks", "deploy", "notebooks", ".github")]
    below = [page for folder in folders for page in folder.rglob("*.md") if ".venv" not in page.parts]
    return sorted([*ROOT.glob("*.md"), *below])


def code_lines(page: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line of the page's code blocks; a line continued by a backslash is one line."""
    fenced, continued, first = False, "", 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        if not fenced and not line.startswith("    ") and not continued:
            continue
        first = first if continued else number
        continued += line.strip()
        if continued.endswith("\\"):
            continued = continued[:-1]
            continue
        yield first, continued
        continued = ""


def commands(page: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and arguments of each `newsletter-bandit` command of the page.

    What a shell would do comes first: comments go, the command ends at a pipe, `&` or redirection, and a
    variable that an earlier line of the page sets is replaced.
    """
    variables: dict[str, str] = {}
    for number, line in code_lines(page):
        assigned = re.fullmatch(r'(\w+)="([^"]*)"', line)
        if assigned:
            variables[f"${assigned[1]}"] = assigned[2]
        found = _PROGRAM.search(line)
        if not found or line.startswith(("#", "$ cat")):
            continue
        text = found[1]
        for name, value in variables.items():
            text = text.replace(name, value)
        # A synopsis has its options in brackets.
        words = shlex.split(re.sub(r"\[(?=-)|(?<=\w)\](?=\s|$)", "", text), comments=True)
        ends = [index for index, word in enumerate(words) if word in {"|", "&", "&&", ";", ">", ">>", "2>"}]
        yield number, words[: ends[0]] if ends else words
