"""The templates of the reports, and their style, which the console's pages share."""

from __future__ import annotations

import functools
from pathlib import Path

import jinja2

from newsletter_bandit.reports import amounts
from newsletter_bandit.reports.durations import duration
from newsletter_bandit.settings.words import capital

TEMPLATES = Path(__file__).parent / "templates"


def stylesheet() -> str:
    """CSS: colours for light, dark and print as custom properties, type, tables, cards."""
    return (TEMPLATES / "report.css").read_text(encoding="utf-8")


@functools.cache
def environment() -> jinja2.Environment:
    """The templates, with filters for figures; whatever they are given is escaped."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "whole": amounts.whole,
        "share": amounts.share,
        "percent": amounts.percent,
        "plain": amounts.plain,
        "duration": duration,
        "capital": capital,
    }
    return made
