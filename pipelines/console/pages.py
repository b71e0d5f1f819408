"""Pages from templates: HTML without any script."""

from __future__ import annotations

import datetime as dt
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from newsletter_bandit.reports.amounts import plain, share
from newsletter_bandit.reports.durations import duration
from newsletter_bandit.reports.meaning import unit_words
from newsletter_bandit.reports.style import stylesheet
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.words import capital

_TEMPLATES = Path(__file__).parent / "templates"
_TITLES = {
    HTTPStatus.BAD_REQUEST: "That cannot be read",
    HTTPStatus.FORBIDDEN: "Refused",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.METHOD_NOT_ALLOWED: "Refused",
    HTTPStatus.CONFLICT: "Nothing was changed",
    HTTPStatus.MISDIRECTED_REQUEST: "Refused",
}


class Pages:
    """The templates, and what every page knows.

    Args:
      use_case: its name, its words, and the unit of its reward.
      token: of the forms.
    """

    def __init__(self, use_case: UseCase, token: str) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES),
            undefined=jinja2.StrictUndefined,
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "plain": plain,
            "share": share,
            "duration": duration,
            "minute": minute,
            "clock": clock,
            "with_code": with_code,
            "capital": capital,
        }
        unit = unit_words(use_case.reward)
        self._environment.globals |= {
            "use_case": use_case.name,
            "token": token,
            "unit": unit,
            "nouns": use_case.words,
        }

    def page(self, template: str, status: HTTPStatus = HTTPStatus.OK, **content: Any) -> HTMLResponse:
        """The page of a template."""
        text = self._environment.get_template(template).render(**content)
        return HTMLResponse(text, status)

    def refusal(self, status: HTTPStatus, words: str) -> HTMLResponse:
        """The page of a refusal or an error: a title by its status, and a sentence."""
        return self.page("refusal.html", status, title=_TITLES.get(status, "That did not work"), words=words)


def css() -> str:
    """The report's style, and what the console has besides."""
    return stylesheet() + (_TEMPLATES / "console.css").read_text(encoding="utf-8")


def with_code(words: str) -> Markup:
    """A sentence whose commands, in backticks, stand out."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(words))))


def clock(moment: dt.datetime) -> str:
    """Such as "10:15:07"; UTC."""
    return f"{moment.astimezone(dt.UTC):%H:%M:%S}"


def minute(moment: dt.datetime) -> str:
    """Such as "23 Nov 2026, 10:15"; UTC."""
    return f"{moment.astimezone(dt.UTC):%-d %b %Y, %H:%M}"
