"""The page of a prediction day: one HTML file with its style and figures inside, that asks the network for
nothing.

Its figures are bars of HTML. Drawing them as those of a training's report would take longer than a tenth of a
prediction for 100,000 users.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from newsletter_bandit.reports.amounts import more_or_fewer
from newsletter_bandit.reports.drawn import most_important
from newsletter_bandit.reports.meaning import unit_words
from newsletter_bandit.reports.prediction_day import ages, change, groups, refused, scores
from newsletter_bandit.reports.prediction_day.evidence import PredictionDay
from newsletter_bandit.reports.prediction_day.headline import headline, steps
from newsletter_bandit.reports.prediction_day.limits import limits
from newsletter_bandit.reports.prediction_day.took import Took
from newsletter_bandit.reports.style import environment, stylesheet


def page(day: PredictionDay, took: Took | None = None) -> str:
    """The page of a prediction day as HTML.

    Args:
      day: what is known of it.
      took: how long the run took; None where nobody took the time.
    """
    return environment().get_template("prediction_day.html").render(_context(day, took))


def _context(day: PredictionDay, took: Took | None) -> dict[str, Any]:
    shares, group_map, expected = change.shares(day), groups.group_map(day), scores.expected(day)
    histogram = scores.histogram(day)
    made = ages.model_made(day)
    return {
        "css": Markup(stylesheet()),
        "day": day,
        "words": day.use_case.words,
        "name": day.use_case.name,
        "unit": unit_words(day.use_case.reward),
        "headline": headline(day),
        "steps": steps(day),
        "change": change.change(day),
        "more_or_fewer": more_or_fewer,
        "users_before": None if day.before is None else sum(day.before.users.values()),
        "explored": sum(one.explored for one in day.first),
        "shares": shares,
        "drawn_shares": most_important(shares, lambda row: max(row.now, row.before or 0.0)),
        "width": _scale(0.0, max(max(row.now, row.before or 0.0) for row in shares)),
        "group_map": group_map,
        "depth": _depth(group_map),
        "histogram": histogram,
        "bar": _scale(0.0, max(users for _, users in histogram)),
        "expected": expected,
        "drawn_expected": most_important(expected, lambda row: row.users),
        "at": _scale(
            min(0.0, *(row.amount.low or 0.0 for row in expected)),
            max(0.0, *(row.amount.high or 0.0 for row in expected)),
        ),
        "model_made": made,
        "model_age": ages.days(ages.age(made, day)),
        "trained_age": ages.days(ages.age(day.trained_until, day)),
        "snapshot_age": ages.days(ages.age(day.snapshot, day)),
        "life": ages.days((day.expires_at.date() - day.run_date).days),
        "expired": ages.expired(day),
        "served": ages.served(day),
        "stale": ages.stale(day),
        "stale_share": ages.stale_share(day),
        "limits": limits(day),
        "reasons": refused.reasons(day),
        "took": took,
    }


def _depth(found: groups.GroupMap | None) -> Callable[[float], float]:
    """Opacities of the cells of a map: the deepest is that of its largest share."""
    deepest = 0.0 if found is None else max(max(shares) for _, _, shares in found.rows)
    return lambda share: round(0.44 * share / (deepest or 1.0), 3)


def _scale(low: float, high: float) -> Callable[[float | None], float]:
    """Places of figures between two others, in percent of their distance."""
    return lambda figure: round(100.0 * ((figure or 0.0) - low) / ((high - low) or 1.0), 2)
