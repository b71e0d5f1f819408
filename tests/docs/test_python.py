"""The Python of the pages runs, and prints what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, pages

# A block of Python; what it prints is the indented block after it.
_BLOCK = re.compile(r"^```python\n(.*?)^```\n\n((?:    [^\n]*\n)*)", re.MULTILINE | re.DOTALL)


def _blocks() -> Iterator[tuple[Path, str, str]]:
    for page in pages():
        for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
            yield page, block[1], re.sub("^    ", "", block[2], flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("code", "printed"),
    [pytest.param(code, printed, id=str(page.relative_to(ROOT))) for page, code, printed in _blocks()],
)
def test_a_block_prints_what_the_page_says(
    code: str, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(code, "page", "exec"), {})
    assert capsys.readouterr().out == printed


def test_the_first_page_has_python() -> None:
    assert ROOT / "README.md" in {page for page, _, _ in _blocks()}
