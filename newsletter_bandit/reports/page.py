"""The page: one HTML file with its style and figures inside, that asks the network for nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from newsletter_bandit.registry import VersionInfo
from newsletter_bandit.reports import amounts, figures, sections
from newsletter_bandit.reports.amounts import Amount
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.judgement import (
    baseline,
    gain,
    headline,
    meanings,
    net_clicks,
    propensities_are_wrong,
)
from newsletter_bandit.reports.next_steps import next_steps

_TEMPLATES = Path(__file__).parent / "templates"


def page(evidence: Evidence, versions: Sequence[VersionInfo] = (), made_at: dt.datetime | None = None) -> str:
    """The report of a run as HTML.

    Args:
      evidence: of the run.
      versions: every published version, for the history; none leaves it out.
      made_at: when the page is made, for the history's sake; None leaves it out.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "whole": amounts.whole,
        "share": amounts.share,
        "plain": amounts.plain,
    }
    return environment.get_template("report.html").render(_context(evidence, versions, made_at))


def _context(
    evidence: Evidence, versions: Sequence[VersionInfo], made_at: dt.datetime | None
) -> dict[str, Any]:
    overall = evidence.metrics.overall
    unit = evidence.use_case.reward.click
    shares, sent = sections.shares(evidence), sections.sent(evidence)
    heat_map = sections.heat_map(evidence)
    slices, compared = sections.slices(evidence), sections.compared(evidence)
    return {
        "css": Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        "evidence": evidence,
        "overall": overall,
        "name": evidence.use_case.name,
        "days": _days(evidence),
        "made_at": made_at,
        "headline": headline(evidence, versions),
        "doubtful": propensities_are_wrong(evidence),
        "steps": next_steps(evidence, versions),
        "confidence": amounts.share(evidence.metrics.confidence, 0),
        "gain": gain(evidence),
        "baseline": baseline(evidence),
        "net_clicks": net_clicks(evidence),
        "meanings": meanings(evidence),
        "now": sections.other_model(evidence) if overall.production is not None else "In the log",
        "value": Amount.of(overall.candidate.serving_policy.values[sections.ESTIMATOR], unit),
        "baseline_value": compared[1 if overall.production is not None else 0].amount,
        "unsubscribes": Amount.of(overall.unsubscribes),
        "log_unsubscribes": Amount(amounts.scaled(overall.logging_policy.unsubscribe_rate)),
        "sent": sent,
        "sent_figure": _sent(sent),
        "empty_days": sections.empty_days(evidence),
        "propensities": sections.propensities(evidence),
        "propensities_figure": _propensities(sections.propensities(evidence)),
        "compared": compared,
        "compared_figure": Markup(
            figures.intervals(
                [figures.Row(row.label, row.amount, row.own) for row in compared],
                "What each policy earns, with its interval",
                "net clicks per 100,000 newsletters",
            )
        ),
        "singles": sections.singles(evidence),
        "estimators": sections.by_estimator(evidence),
        "shares": shares,
        "shares_figure": _shares(shares),
        "heat_map": heat_map,
        "evidence_needed": sections.EVIDENCE,
        "heat_figure": _heat(heat_map),
        "served": sections.served(evidence),
        "slices": slices,
        "slices_figure": _slices(slices),
        "guards": sections.guards(evidence.verdict.checks),
        "history": sections.history(evidence, versions),
        "rollbacks": list(sections.rollbacks(versions)),
    }


def _days(evidence: Evidence) -> str:
    """First and last day of the window; "" where it is unknown."""
    if evidence.window is None:
        return ""
    first, last = evidence.window[0], evidence.window[1] - dt.timedelta(days=1)
    return f"{first:%-d %b}{'' if first.year == last.year else f' {first.year}'} to {last:%-d %b %Y}"


def _sent(rows: Sequence[sections.Sent]) -> Markup:
    shown = sections.drawn(rows, lambda row: row.off + (row.observed or 0.0))
    return Markup(
        figures.pairs(
            [figures.Pair(row.recommender, row.expected, row.observed) for row in shown],
            "Share of the newsletters that each recommender should have, and has",
            "share of newsletters",
        )
    )


def _propensities(rows: Sequence[tuple[str, int]]) -> Markup:
    if not rows:
        return Markup("")
    return Markup(figures.bars(rows, "Newsletters by their propensity", "newsletters"))


def _shares(rows: Sequence[sections.Share]) -> Markup:
    shown = sections.drawn(rows, lambda row: max(row.now or 0.0, row.candidate or 0.0))
    return Markup(
        figures.pairs(
            [figures.Pair(row.recommender, row.now, row.candidate) for row in shown],
            "Share of the newsletters that each recommender fills, now and with this model",
            "share of newsletters",
        )
    )


def _heat(found: sections.HeatMap | None) -> Markup:
    if found is None:
        return Markup("")
    rows = [(name, [figures.Heat(cell.share, cell.untested) for cell in cells]) for name, cells in found.rows]
    return Markup(figures.heat(rows, found.recommenders, "Share of each recommender in each group of users"))


def _slices(rows: Sequence[sections.Slice]) -> Markup:
    if not rows:
        return Markup("")
    shown = sections.drawn(rows, lambda row: row.rows)
    return Markup(
        figures.intervals(
            [figures.Row(row.name, row.amount, row.words != "cannot tell") for row in shown],
            "Gain of each group of users, with its interval",
            "net clicks per 100,000 newsletters, more (right) or fewer (left)",
            zero=True,
        )
    )
