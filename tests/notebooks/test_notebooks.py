"""The course: numbered, linked, stored with clean outputs, and each notebook runs from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from notebooks.store import faults, notebooks, run

ROOT = Path(__file__).parents[2]
NOTEBOOKS = notebooks()
# They train, or import TensorFlow.
SLOW = {"2", "3", "4", "5"}

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def number(path: Path) -> str:
    return path.name.partition("_")[0]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if number(path) in SLOW else [])
        for path in NOTEBOOKS
    ],
)
def test_a_notebook_runs_from_top_to_bottom(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTEBOOK_SIZE", "small")
    notebook = run(path)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


@each
def test_stored_outputs_hold_no_error_warning_or_path(path: Path) -> None:
    assert faults(nbformat.read(path, as_version=4)) == []


@each
def test_it_says_for_whom_it_is_and_where_to_go_next(path: Path) -> None:
    first, *_, last = nbformat.read(path, as_version=4).cells
    assert first.source.startswith(f"# {number(path)} · ")
    for promise in ("**For**", "**You learn**", "**It takes**"):
        assert promise in first.source
    assert "## Where next" in last.source


@each
def test_its_links_lead_to_files(path: Path) -> None:
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    links = re.findall(r"\]\(([^)#\s]+)", text)
    assert links
    assert [link for link in links if not (path.parent / link).is_file()] == []


def test_the_course_is_numbered_and_linked() -> None:
    assert [number(path) for path in NOTEBOOKS] == [str(place) for place in range(1, len(NOTEBOOKS) + 1)]
    index = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\((\d\w+\.ipynb)\)", index) == [path.name for path in NOTEBOOKS]
    assert "notebooks/README.md" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_faults_of_stored_outputs_are_found() -> None:
    cell, output = nbformat.v4.new_code_cell, nbformat.v4.new_output
    wrong = [
        cell(execution_count=1, outputs=[output("stream", name="stderr", text="Warning: old\n")]),
        cell(execution_count=2, outputs=[output("stream", name="stdout", text="in /home/jane/x.csv\n")]),
        cell(execution_count=4, outputs=[output("error", ename="KeyError", evalue="", traceback=[])]),
        cell(execution_count=4, outputs=[output("display_data", {"application/javascript": "load()"})]),
        cell(execution_count=5, outputs=[output("stream", name="stdout", text="GET /users/7 of work/x\n")]),
    ]
    assert faults(nbformat.v4.new_notebook(cells=wrong)) == [
        "code cell 1: a warning, Warning: old",
        "code cell 2: a path of somebody's machine",
        "code cell 3: run as 4; run all, once, in order",
        "code cell 3: an error, KeyError",
        "code cell 4: a script",
    ]
    assert "no outputs" in faults(nbformat.v4.new_notebook())[0]
