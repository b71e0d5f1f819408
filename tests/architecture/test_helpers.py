"""Helpers of tests are in modules of their own: no test module, nor a program in a test, imports another."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
IMPORT = re.compile(
    r"^\s*(?:from tests\S* import .*\btest_\w+|(?:from|import) tests\S*\.test_\w+)", re.MULTILINE
)


def test_no_test_module_is_imported() -> None:
    sources = {path.relative_to(TESTS): path.read_text() for path in TESTS.rglob("*.py")}
    found = {str(path): lines for path, text in sources.items() if (lines := IMPORT.findall(text))}
    assert found == {}
    # It would see one.
    assert IMPORT.findall("    from tests.trainer.test_few_rows import call\n")
    assert IMPORT.findall("from tests.simulation import test_closed_loop as t\n")
