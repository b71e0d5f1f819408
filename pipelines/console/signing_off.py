"""Approving and rejecting a version: asked for on one page, with a note, and done by that page's form."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.registry import account, approve, obstacles, reject
from newsletter_bandit.registry.evidence.sign_off import MOST_NAME, MOST_NOTE
from pipelines.console.forms import read_form
from pipelines.console.guard import Access
from pipelines.console.pages import Pages
from pipelines.console.published import Published
from pipelines.console.refusal import Refusal


class SigningOff:
    """Approve and reject.

    Args:
      published: the versions.
      pages: the templates.
      access: holds the token of the forms.
      now: the clock.
      options: of the command that runs the console, for the commands on a page; None where unknown.
    """

    def __init__(
        self,
        published: Published,
        pages: Pages,
        access: Access,
        now: Callable[[], dt.datetime],
        options: str | None,
    ) -> None:
        self._published = published
        self._pages = pages
        self._access = access
        self._now = now
        self._options = f" {options}" if options else ""
        self.routes = []
        for action in ("approve", "reject"):
            path = f"/versions/{{version}}/{action}"
            self.routes += [
                Route(path, functools.partial(self.ask, action), methods=["GET"]),
                Route(path, functools.partial(self.answer, action), methods=["POST"]),
            ]

    def ask(self, action: str, request: Request) -> Response:
        """Asks for name and note, or says what speaks against it; changes nothing."""
        version = self._published.required(request.path_params["version"])
        registry = self._published.registry
        against = obstacles(registry.info(version), registry.pointer()) if action == "approve" else []
        return self._pages.page(
            "sign_off.html",
            action=action,
            model=self._published.model(version),
            current=self._published.current(),
            against=[replace(each, todo=self._completed(each.todo)) for each in against[:1]],
            options=self._options,
            name=account() or "",
            most_name=MOST_NAME,
            most_note=MOST_NOTE,
        )

    async def answer(self, action: str, request: Request) -> Response:
        """Keeps the answer; an approval also puts the version into production."""
        form = await read_form(request, self._access)
        version = request.path_params["version"]
        return await run_in_threadpool(self._answered, action, version, form)

    def _completed(self, words: str) -> str:
        """The words, whose command has the options that it needs here."""
        return re.sub(r"`(newsletter-bandit [^`]*)`", lambda found: f"`{found[1]}{self._options}`", words)

    def _answered(self, action: str, version: str, form: dict[str, str]) -> Response:
        self._published.required(version)
        registry, by, note = self._published.registry, form.get("by", ""), form.get("note", "")
        try:
            if action == "approve":
                approve(registry, version, by, note, self._now(), seen=form["seen"])
            else:
                reject(registry, version, by, note, self._now())
        except SettingsError as error:
            words = f"The form is not complete. {error}".replace("`", "")
            raise Refusal(HTTPStatus.BAD_REQUEST, words) from error
        except DataError as error:
            raise Refusal(HTTPStatus.CONFLICT, str(error)) from error
        return RedirectResponse(f"/?done={action}&version={version}", HTTPStatus.SEE_OTHER)
