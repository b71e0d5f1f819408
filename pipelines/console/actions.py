"""What the console changes: each action is asked for on one page, and done by that page's form."""

from __future__ import annotations

import functools
from collections.abc import Callable
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from newsletter_bandit.errors import DataError
from pipelines.console.forms import read_form
from pipelines.console.guard import Access
from pipelines.console.pages import Pages
from pipelines.console.published import Published
from pipelines.console.refusal import Refusal


class Actions:
    """Roll back, pin and unpin.

    Args:
      published: the versions.
      pages: the templates.
      access: holds the token of the forms.
    """

    def __init__(self, published: Published, pages: Pages, access: Access) -> None:
        self._published = published
        self._pages = pages
        self._access = access
        self.routes = [
            Route("/versions/{version}/rollback", self.ask_rollback, methods=["GET"]),
            Route("/versions/{version}/rollback", self.rollback, methods=["POST"]),
        ]
        for action in ("pin", "unpin"):
            self.routes += [
                Route(f"/{action}", functools.partial(self.ask_pinning, action), methods=["GET"]),
                Route(f"/{action}", functools.partial(self.pinning, action), methods=["POST"]),
            ]

    def ask_rollback(self, request: Request) -> Response:
        """Asks whether to put a version into production; changes nothing."""
        model = self._published.model(request.path_params["version"])
        if model.standing in ("waiting", "rejected"):
            why = "waits for its sign-off" if model.standing == "waiting" else f"was {model.signed}"
            words = f"{model.version} {why}, so no rollback puts it into production."
            raise Refusal(HTTPStatus.CONFLICT, words)
        return self._pages.page(
            "confirm.html", action="rollback", model=model, current=self._published.current()
        )

    async def rollback(self, request: Request) -> Response:
        """Puts a version into production, pinned."""
        seen = await self._seen(request)
        return await run_in_threadpool(self._roll_back, request.path_params["version"], seen)

    def ask_pinning(self, action: str, _: Request) -> Response:
        """Asks whether to pin what is in production, or to take its pin away; changes nothing."""
        now = self._published.current()
        if now is None:
            raise Refusal(HTTPStatus.CONFLICT, "Nothing is in production, so there is nothing to pin.")
        return self._pages.page("confirm.html", action=action, model=now, current=now)

    async def pinning(self, action: str, request: Request) -> Response:
        """Pins what is in production, or takes its pin away."""
        seen = await self._seen(request)
        registry = self._published.registry
        act = registry.pin if action == "pin" else registry.unpin
        return await run_in_threadpool(_done, action, lambda: act(seen))

    def _roll_back(self, version: str, seen: str) -> Response:
        self._published.required(version)
        if not seen and self._published.pointed_at() is not None:
            raise Refusal(
                HTTPStatus.CONFLICT, "Production changed meanwhile: there is a model in it now; look again."
            )
        return _done("rollback", lambda: self._published.registry.rollback(version, seen or None))

    async def _seen(self, request: Request) -> str:
        """The version that the person saw in production, from a form that is one of ours."""
        return (await read_form(request, self._access))["seen"]


def _done(action: str, act: Callable[[], str]) -> Response:
    """Acts, and leads to a page that tells of it and may be loaded again."""
    try:
        act()
    except DataError as error:
        raise Refusal(HTTPStatus.CONFLICT, str(error)) from error
    return RedirectResponse(f"/?done={action}", HTTPStatus.SEE_OTHER)
