"""The console as an application: its pages, its actions, and what guards them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from newsletter_bandit.errors import UserError
from pipelines.console.actions import Actions
from pipelines.console.guard import Access, Guard
from pipelines.console.pages import Pages
from pipelines.console.published import Published
from pipelines.console.refusal import Refusal
from pipelines.console.signing_off import SigningOff
from pipelines.console.views import Views
from pipelines.workspace import Workspace


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def make_app(workspace: Workspace, access: Access, now: Callable[[], dt.datetime] = _utc_now) -> ASGIApp:
    """The console as an ASGI application.

    Args:
      workspace: use case and environment.
      access: port, key and token.
      now: the clock, for the age of rankings.
    """
    published = Published(workspace)
    pages = Pages(workspace.use_case, access.token)

    def refused(request: Request, error: Exception) -> Response:
        if isinstance(error, Refusal):
            return pages.refusal(error.status, error.words)
        if isinstance(error, HTTPException):
            words = {
                HTTPStatus.NOT_FOUND: "There is no such page.",
                HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not allowed on this page.",
            }
            status = HTTPStatus(error.status_code)
            return pages.refusal(status, words.get(status, error.detail))
        return pages.refusal(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))

    app = Starlette(
        routes=[
            *Views(workspace, published, pages, now).routes,
            *Actions(published, pages, access).routes,
            *SigningOff(published, pages, access, now, workspace.options).routes,
        ],
        exception_handlers={Refusal: refused, HTTPException: refused, UserError: refused},
    )
    return Guard(app, access, pages.refusal)
