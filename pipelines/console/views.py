"""The pages that show something; none of them changes anything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from newsletter_bandit.reports.card import of_version as card_of_version
from pipelines.console.comparing import compare
from pipelines.console.guard import REPORT_POLICY, STYLE
from pipelines.console.looking_up import look_up
from pipelines.console.models import Model
from pipelines.console.pages import Pages, css
from pipelines.console.past_runs import PastRuns, Run
from pipelines.console.published import Published
from pipelines.console.refusal import Refusal
from pipelines.console.shown_reports import ShownReports
from pipelines.workspace import Workspace
from serving.ranking import Ranking

_ROWS = 25  # of one page
_NEWEST = 5  # of a list on the first page
_DONE = ("rollback", "pin", "unpin", "approve", "reject")


@dataclass(frozen=True)
class _Part:
    """Part of a long list; ``newer`` and ``older`` are where the parts beside it begin, None without one."""

    names: list[str]
    newer: int | None
    older: int | None

    @classmethod
    def of(cls, request: Request, names: list[str]) -> _Part:
        text = request.query_params.get("from", "0")
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise Refusal(HTTPStatus.BAD_REQUEST, f"from is {text[:80]}; allowed: a whole number from 0.")
        start = int(text)
        end = start + _ROWS
        return cls(
            names[start:end], max(start - _ROWS, 0) if start else None, end if end < len(names) else None
        )


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
        self._reports = ShownReports(published, self._runs, workspace.options)
        self.routes = [
            Route("/", self.production),
            Route(STYLE, self.style),
            Route("/runs", self.runs),
            Route("/runs/{name}", self.run),
            Route("/runs/{name}/report", self.run_report),
            Route("/versions", self.versions),
            Route("/compare", self.compare),
            Route("/users", self.users),
            Route("/versions/{version}/report", self.version_report),
            Route("/versions/{version}/card", self.version_card),
        ]

    def style(self, _: Request) -> Response:
        """The style of all pages."""
        return Response(css(), media_type="text/css")

    def production(self, request: Request) -> Response:
        """What is in production, all versions, and the newest runs."""
        names, done = self._published.names(), request.query_params.get("done")
        current, pointed_at = self._published.current(), self._published.pointed_at()
        return self._pages.page(
            "production.html",
            current=current,
            lost=pointed_at if current is None else None,
            models=self._published.models(names[:_NEWEST]),
            versions=len(names),
            going_on=self._runs.under_way(),
            now=self._now(),
            runs=self._published.told(self._runs.read(self._runs.names()[:_NEWEST])),
            done=done if done in _DONE else None,
            answered=next((name for name in names if name == request.query_params.get("version")), None),
            waiting=self._published.waiting()[:_NEWEST],
            options=f" {self._workspace.options}" if self._workspace.options else "",
        )

    def runs(self, request: Request) -> Response:
        """All runs, the newest first."""
        part = _Part.of(request, self._runs.names())
        return self._pages.page(
            "runs.html", runs=self._published.told(self._runs.read(part.names)), part=part
        )

    def versions(self, request: Request) -> Response:
        """All versions, the newest first."""
        part = _Part.of(request, self._published.names())
        return self._pages.page("versions.html", models=self._published.models(part.names), part=part)

    def run(self, request: Request) -> Response:
        """One run, step by step."""
        return self._pages.page("run.html", run=self._run(request))

    def run_report(self, request: Request) -> Response:
        """The report of the run, with what became of its version since."""
        run = self._run(request)
        if run.report is None:
            why = "it came to no verdict" if run.pipeline == "training" else "it stored no rankings"
            raise Refusal(HTTPStatus.NOT_FOUND, f"{run.name} has no report: {why}.")
        if run.pipeline != "training":  # what a prediction stored does not change with its version
            return _report(run.report.read_bytes())
        return _report(self._reports.of_run(run, self._now()))

    def version_report(self, request: Request) -> Response:
        """The report of a version, with what became of it since."""
        version = self._published.required(request.path_params["version"])
        return _report(self._reports.of_version(version, self._now()))

    def version_card(self, request: Request) -> Response:
        """The version's model card; made of its evidence where an earlier version published it."""
        version = self._published.required(request.path_params["version"])
        return PlainTextResponse(card_of_version(self._published.registry, version, self._workspace.options))

    def compare(self, request: Request) -> Response:
        """Two versions side by side: those that are asked for, else production and the newest other one."""
        asked = [request.query_params.get(name) for name in ("first", "second")]
        for version in asked:
            if version is not None:
                self._published.required(version)
        labels, now = self._published.labels(), self._published.pointed_at()
        first = asked[0] or (now if now in labels else next(iter(labels), None))
        second = asked[1] or next((name for name in labels if name != first), None)
        return self._pages.page(
            "compare.html",
            labels=labels,
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
            made_by=None if found is None or found.ranking is None else self._maker(found.ranking),
        )

    def _maker(self, ranking: Ranking) -> Model | None:
        """The version that made a ranking; None where it is not in the registry."""
        version = ranking.model_version
        return self._published.model(version) if version in self._published.names() else None

    def _run(self, request: Request) -> Run:
        name: str = request.path_params["name"]
        if name not in self._runs.names():
            raise Refusal(HTTPStatus.NOT_FOUND, f"There is no run {name[:120]} in the work folder.")
        return self._published.told(self._runs.read([name]))[0]


def _report(content: bytes) -> Response:
    return HTMLResponse(content, headers={"Content-Security-Policy": REPORT_POLICY})
