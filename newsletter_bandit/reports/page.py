"""The page: one HTML file with its style and figures inside, that asks the network for nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from markupsafe import Markup

from newsletter_bandit.registry import VersionInfo
from newsletter_bandit.reports import amounts, figures
from newsletter_bandit.reports.amounts import Amount
from newsletter_bandit.reports.commands import complete
from newsletter_bandit.reports.drawn import DRAWN, most_important
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.judgement import (
    estimated,
    headline,
    propensities_are_wrong,
    standing,
    wrong_propensities,
)
from newsletter_bandit.reports.meaning import (
    baseline,
    counted,
    gain,
    has_unsubscribes,
    meanings,
    net_clicks,
    relative_gain,
)
from newsletter_bandit.reports.next_steps import next_steps
from newsletter_bandit.reports.sections import (
    comparisons,
    constraints,
    customers,
    data,
    drift,
    guardrails,
    history,
    over_time,
    sign_off,
    slices,
    terms,
    why,
)
from newsletter_bandit.reports.style import environment, stylesheet
from newsletter_bandit.settings.words import Words, capital


def page(evidence: Evidence, versions: Sequence[VersionInfo] = (), made_at: dt.datetime | None = None) -> str:
    """The report of a run as HTML.

    Args:
      evidence: of the run.
      versions: every published version, for the history; none leaves it out.
      made_at: when the page is made, for the history's sake; None leaves it out.
    """
    return environment().get_template("report.html").render(_context(evidence, versions, made_at))


def _context(
    evidence: Evidence, versions: Sequence[VersionInfo], made_at: dt.datetime | None
) -> dict[str, Any]:
    words = evidence.use_case.words
    if evidence.outcome == "waiting" and standing(evidence, versions) in ("live", "replaced"):
        evidence = replace(evidence, outcome="published")  # somebody has approved it since
    overall = evidence.metrics.overall
    unit = evidence.use_case.reward.unit
    shares, heat_map, sent = customers.shares(evidence), customers.heat_map(evidence), data.sent(evidence)
    groups, compared = slices.slices(evidence), comparisons.compared(evidence)
    reasons = why.why(evidence)
    return {
        "css": Markup(stylesheet()),
        "evidence": evidence,
        "words": words,
        "overall": overall,
        "name": evidence.use_case.name,
        "days": data.window_days(evidence),
        "made_at": made_at,
        "headline": headline(evidence, versions),
        "doubtful": propensities_are_wrong(evidence),
        "wrong": wrong_propensities(evidence),
        "estimated": estimated(evidence),
        "steps": next_steps(evidence, versions),
        "confidence": amounts.share(evidence.metrics.confidence, 0),
        "gain": gain(evidence),
        "relative_gain": relative_gain(evidence),
        "baseline": baseline(evidence),
        "net_clicks": net_clicks(evidence),
        "unit": counted(evidence),
        "terms": terms.terms(evidence),
        "order": terms.order(evidence),
        "constraints": constraints.constraints(evidence),
        "meanings": meanings(evidence),
        "now": comparisons.other_model(evidence) if overall.production is not None else "In the log",
        "value": Amount.of(overall.candidate.serving_policy.values[comparisons.ESTIMATOR], unit),
        "baseline_value": compared[1 if overall.production is not None else 0].amount,
        "unsubscribes": Amount.of(overall.unsubscribes) if has_unsubscribes(evidence) else None,
        "log_unsubscribes": Amount(amounts.scaled(overall.logging_policy.unsubscribe_rate)),
        "sent": sent,
        "sent_figure": _sent(sent, words),
        "rates": data.rates(evidence),
        "log_ends": data.log_ends(evidence),
        "empty_days": data.empty_days(evidence),
        "propensities": data.propensities(evidence),
        "propensities_figure": _propensities(data.propensities(evidence), words),
        "drift": None if evidence.drift is None else drift.answer(evidence.drift),
        "moved": drift.moved(evidence),
        "moved_figure": _moved(drift.moved(evidence)),
        "compared": compared,
        "compared_figure": Markup(
            figures.intervals(
                [figures.Row(row.label, row.amount, row.own) for row in compared],
                "What each policy earns, with its interval",
                f"{counted(evidence)} per 100,000 {words.units}",
            )
        ),
        "singles": comparisons.singles(evidence),
        "estimators": comparisons.by_estimator(evidence),
        "shares": shares,
        "shares_figure": _shares(shares, words),
        "heat_map": heat_map,
        "evidence_needed": customers.EVIDENCE,
        "heat_figure": _heat(heat_map, words),
        "served": customers.served(evidence),
        "slices": groups,
        "slices_figure": _slices(groups, counted(evidence), words),
        "guards": guardrails.guards(evidence),
        "exploring": guardrails.exploring(evidence),
        "why": reasons,
        "worth_figure": _worth(reasons, counted(evidence), words),
        "changed_figure": _changed(reasons, words),
        "history": history.history(evidence, versions),
        "over_time": over_time.over_time(evidence, versions),
        "sign_off": sign_off.section(evidence, versions, made_at) if versions else None,
        "rollbacks": [complete(command, evidence) for command in history.rollbacks(versions)],
    }


def _sent(rows: Sequence[data.Sent], words: Words) -> Markup:
    shown = most_important(rows, lambda row: row.off + (row.observed or 0.0))
    return Markup(
        figures.pairs(
            [figures.Pair(row.recommender, row.expected, row.observed) for row in shown],
            f"Share of the {words.units} kept apart that each recommender should have, and has",
            f"share of the {words.units} kept apart",
        )
    )


def _propensities(rows: Sequence[tuple[str, int]], words: Words) -> Markup:
    if not rows:
        return Markup("")
    return Markup(figures.bars(rows, f"{capital(words.units)} by their propensity", words.units))


def _moved(rows: Sequence[drift.Moved]) -> Markup:
    if not rows:
        return Markup("")
    return Markup(
        figures.parts(
            [(row.name, row.reach) for row in rows[:DRAWN]],
            "How far each feature moved, in parts of what is allowed",
            "parts of what is allowed (mark: 1)",
        )
    )


def _shares(rows: Sequence[customers.Share], words: Words) -> Markup:
    shown = most_important(rows, lambda row: max(row.now or 0.0, row.candidate or 0.0))
    return Markup(
        figures.pairs(
            [figures.Pair(row.recommender, row.now, row.candidate) for row in shown],
            f"Share of the {words.units} that each recommender fills, now and with this model",
            f"share of {words.units}",
        )
    )


def _heat(found: customers.HeatMap | None, words: Words) -> Markup:
    if found is None:
        return Markup("")
    rows = [(name, [figures.Heat(cell.share, cell.untested) for cell in cells]) for name, cells in found.rows]
    return Markup(
        figures.heat(rows, found.recommenders, f"Share of each recommender in each group of {words.subjects}")
    )


def _slices(rows: Sequence[slices.Slice], unit: str, words: Words) -> Markup:
    if not rows:
        return Markup("")
    shown = most_important(rows, lambda row: row.rows)
    return Markup(
        figures.intervals(
            [figures.Row(row.name, row.amount, row.words in ("gains", "loses")) for row in shown],
            f"Gain of each group of {words.subjects}, with its interval",
            f"{unit} gained per 100,000 {words.units}",
            zero=True,
        )
    )


def _worth(reasons: why.Why | None, unit: str, words: Words) -> Markup:
    if reasons is None or not reasons.worth:
        return Markup("")
    return Markup(
        figures.intervals(
            [figures.Row(row.feature, row.loss, row.loss.surely_more) for row in reasons.worth[:DRAWN]],
            "What the model loses without each feature, with its interval",
            f"{unit} lost per 100,000 {words.units}",
            zero=True,
            may_cut=False,  # the widest may be that of the feature that matters most
        )
    )


def _changed(reasons: why.Why | None, words: Words) -> Markup:
    if reasons is None or not reasons.worth:
        return Markup("")
    return Markup(
        figures.shares(
            [(row.feature, row.changed or 0.0) for row in reasons.worth[:DRAWN]],
            "How often the first choice is another one without each feature",
            f"{words.units} with another first choice",
        )
    )
