"""The style of a report, which the console's pages share."""

from __future__ import annotations

from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"


def stylesheet() -> str:
    """CSS: colours for light, dark and print as custom properties, type, tables, cards."""
    return (TEMPLATES / "report.css").read_text(encoding="utf-8")
