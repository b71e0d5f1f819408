"""The pages that show something; none of them changes anything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from newsletter_bandit.reports import page as report_page
from newsletter_bandit.reports.evidence import of_version
from pipelines.console.comparing import compare
from pipelines.console.guard import REPORT_POLICY, STYLE
from pipelines.console.looking_up import look_up
from pipelines.console.pages import Pages, css
from pipelines.console.past_runs import PastRuns, Run
from pipelines.console.published import Published, current
from pipelines.console.refusal import Refusal
from pipelines.workspace import Workspace

_RUNS = 25  # of one page
_NEWEST = 5  # of the first page
_DONE = ("rollback", "pin", "unpin")


class Views:
    """Production, runs, reports, two versions compared, and one user.

    Args:
      workspace: use case and environment.
      published: its versions.
      pages: the templates.
      now: the clock, for the age of rankings.
    """

    def __init__(
        self, workspace: Workspace, published: Published, pages: Pages, now: Callable[[], dt.datetime]
    ) -> None:
        self._workspace = workspace
        self._published = published
        self._pages = pages
        self._now = now
        self._runs = PastRuns(workspace)
        self.routes = [
            Route("/", self.production),
            Route(STYLE, self.style),
            Route("/runs", self.runs),
            Route("/runs/{name}", self.run),
            Route("/runs/{name}/report", self.run_report),
            Route("/compare", self.compare),
            Route("/users", self.users),
            Route("/versions/{version}/report", self.version_report),
        ]

    def style(self, _: Request) -> Response:
        """The style of all pages."""
        return Response(css(), media_type="text/css")

    def production(self, request: Request) -> Response:
        """What is in production, all versions, and the newest runs."""
        found = self._published.models()
        done, pointer = request.query_params.get("done"), self._published.registry.pointer()
        return self._pages.page(
            "production.html",
            current=current(found),
            # It names a version that is not there.
            lost=pointer.version if pointer is not None and current(found) is None else None,
            models=found,
            going_on=self._runs.under_way(),
            now=self._now(),
            runs=self._runs.read(self._runs.names()[:_NEWEST]),
            done=done if done in _DONE else None,
        )

    def runs(self, request: Request) -> Response:
        """All runs, the newest first."""
        text = request.query_params.get("from", "0")
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise Refusal(HTTPStatus.BAD_REQUEST, f"from is {text[:80]}; allowed: a whole number from 0.")
        start, names = int(text), self._runs.names()
        return self._pages.page(
            "runs.html",
            runs=self._runs.read(names[start : start + _RUNS]),
            newer=max(start - _RUNS, 0) if start else None,
            older=start + _RUNS if start + _RUNS < len(names) else None,
        )

    def run(self, request: Request) -> Response:
        """One run, step by step."""
        return self._pages.page("run.html", run=self._run(request))

    def run_report(self, request: Request) -> Response:
        """The report that the run wrote."""
        run = self._run(request)
        if run.report is None:
            raise Refusal(HTTPStatus.NOT_FOUND, f"{run.name} has no report: it came to no verdict.")
        return _report(run.report.read_bytes())

    def version_report(self, request: Request) -> Response:
        """The report beside a version's evidence; made of that where an earlier version published it."""
        model = self._published.named(request.path_params["version"], self._published.models())
        registry = self._published.registry
        stored = registry.report(model.version)
        if stored is None:
            made = report_page(of_version(registry, model.version), registry.versions(), self._now())
            stored = made.encode()
        return _report(stored)

    def compare(self, request: Request) -> Response:
        """Two versions side by side: those that are asked for, else production and the newest other one."""
        found = self._published.models()
        asked = [request.query_params.get(name) for name in ("first", "second")]
        for version in asked:
            if version is not None:
                self._published.named(version, found)
        names, now = [model.version for model in found], current(found)
        first = asked[0] or (now.version if now else next(iter(names), None))
        second = asked[1] or next((name for name in names if name != first), None)
        return self._pages.page(
            "compare.html",
            models=found,
            first=first,
            second=second,
            comparison=compare(self._published.registry, first, second) if first and second else None,
        )

    def users(self, request: Request) -> Response:
        """One user's stored ranking; the form alone without a user."""
        user_id = request.query_params.get("user")
        found, wrong, status = None, "", HTTPStatus.OK
        if user_id is not None:
            try:
                found = look_up(self._workspace, user_id, self._now())
            except Refusal as refusal:
                wrong, status = refusal.words, refusal.status
        use_case = self._workspace.use_case
        return self._pages.page(
            "users.html",
            status,
            user_id=user_id or "",
            found=found,
            wrong=wrong,
            answers_default=use_case.serving.unknown_user == "default",
            default_ranking=use_case.default_ranking,
            versions={model.version: model for model in self._published.models()} if found else {},
        )

    def _run(self, request: Request) -> Run:
        name: str = request.path_params["name"]
        if name not in self._runs.names():
            raise Refusal(HTTPStatus.NOT_FOUND, f"There is no run {name[:120]} in the work folder.")
        return self._runs.read([name])[0]


def _report(content: bytes) -> Response:
    return HTMLResponse(content, headers={"Content-Security-Policy": REPORT_POLICY})
