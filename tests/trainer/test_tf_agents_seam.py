"""TF-Agents is dormant: what is used of it stands behind one room and in one table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOM = ROOT / "components" / "trainer" / "agents"
FOLDERS = ("components", "pipelines", "serving", "newsletter_bandit")


def imported(path: Path) -> Iterator[str]:
    """Modules of TF-Agents that a file imports, without the package's own name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (
                name.name.removeprefix("tf_agents.") for name in node.names if name.name[:9] == "tf_agents"
            )
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tf_agents"):
            package = f"{node.module}.".removeprefix("tf_agents.")
            yield from (package + name.name for name in node.names)


def test_only_the_agents_import_it() -> None:
    users = {path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if any(imported(path))}
    assert users
    assert {path.parent for path in users} == {ROOM}


def test_the_table_names_what_is_imported() -> None:
    table = (ROOT / "docs" / "agents.md").read_text().partition("| module of `tf_agents` |")[2]
    first_cells = [line.split("|")[1] for line in table.splitlines()[2:] if line.startswith("|")]
    named = {name for cell in first_cells for name in re.findall(r"`([\w.]+)`", cell)}
    assert named == {name for path in ROOM.glob("*.py") for name in imported(path)}
