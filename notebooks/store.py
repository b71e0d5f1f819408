"""Runs notebooks from top to bottom and stores their outputs in them.

    python notebooks/store.py          # all
    python notebooks/store.py 2 5      # some, by their numbers

A notebook whose outputs hold an error, a warning, a script or a path of this machine is left as it was.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent
# A path that begins at the root of somebody's machine; an address such as /users/7 does not.
_PATH = re.compile(r"(?<![\w.:/])/(?:home|root|tmp|usr|var|opt|mnt|work|Users)/[\w.-]")


def notebooks() -> list[Path]:
    """The notebooks in the order of the course."""
    return sorted(FOLDER.glob("*.ipynb"))


def run(path: Path) -> Any:
    """The notebook, run in a fresh kernel in its own folder.

    Raises:
      CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(
        notebook, timeout=None, resources=where, record_timing=False, coalesce_streams=True
    )
    client.execute()
    return notebook


def faults(notebook: Any) -> list[str]:
    """What stored outputs must not hold, one sentence per fault; empty if all is well."""
    found = []
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(cells, start=1):
        if cell.execution_count != number:
            found.append(f"code cell {number}: run as {cell.execution_count}; run all, once, in order")
        for output in cell.outputs:
            text = _text(output)
            if "\x1b" in text:
                found.append(f"code cell {number}: control characters of a terminal")
            if output.output_type == "error":
                found.append(f"code cell {number}: an error, {output.ename}")
            elif output.get("name") == "stderr":
                found.append(f"code cell {number}: a warning, {output.text.splitlines()[0]}")
            elif "application/javascript" in output.get("data", {}):
                found.append(f"code cell {number}: a script")
            elif _PATH.search(text) or str(Path.home()) + "/" in text or str(FOLDER.parent) in text:
                found.append(f"code cell {number}: a path of somebody's machine")
    if not any(cell.outputs for cell in cells):
        found.append("no outputs; run `make notebooks`")
    return found


def _text(output: Any) -> str:
    """All texts of an output, without its pictures."""
    data = output.get("data", {})
    texts = [value for kind, value in data.items() if not kind.startswith("image/")]
    return "\n".join([output.get("text", ""), *map(str, texts)])


def main(numbers: list[str]) -> int:
    """Runs and stores; 1 if one was left as it was."""
    chosen = [path for path in notebooks() if not numbers or path.name.partition("_")[0] in numbers]
    failed = 0
    for path in chosen:
        notebook = run(path)
        wrong = faults(notebook)
        for fault in wrong:
            print(f"{path.name}: {fault}", file=sys.stderr)
        failed += bool(wrong)
        if not wrong:
            # Which Python ran it is nobody's business.
            notebook.metadata.pop("language_info", None)
            path.write_text(nbformat.writes(notebook, version=4) + "\n", encoding="utf-8")
            print(f"{path.name}: stored")
    return min(failed, 1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
