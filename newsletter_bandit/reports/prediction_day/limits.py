"""Every bound of the settings that a prediction is held to, with what is left until it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from newsletter_bandit.reports.amounts import percent
from newsletter_bandit.reports.next_steps import Step
from newsletter_bandit.reports.prediction_day import ages
from newsletter_bandit.reports.prediction_day.change import change
from newsletter_bandit.reports.prediction_day.evidence import PredictionDay
from newsletter_bandit.settings.words import capital

# Share of a bound from which a figure is near to it, as `newsletter-bandit status` has it.
_NEAR = 0.9
_FIGURE = "\N{REPLACEMENT CHARACTER}"  # stands for the figure in a clause

Result = Literal["holds", "near", "fails", "skipped"]


@dataclass(frozen=True)
class Limit:
    """One bound.

    Attributes:
      name, meaning: what is bounded, and a few words on it.
      setting: its key in the use case.
      figure, bound, left: in words; "" where unknown.
      result: "near" is within the bound, and close to it.
      detail: why it was skipped.
      problem: the finding as a clause, where it is near or fails.
      advice: what to do then.
    """

    name: str
    meaning: str
    setting: str
    figure: str
    bound: str
    left: str
    result: Result
    detail: str = ""
    problem: str = ""
    advice: Step | None = None


def limits(day: PredictionDay) -> list[Limit]:
    """Every bound, in the order of the table."""
    return list(_limits(day))


def _limits(day: PredictionDay) -> Iterator[Limit]:
    words = day.use_case.words
    storing = day.use_case.storing
    yield _share(
        ("Refused rows", "share of the rows that cannot be stored", "storing.max_rejected_share"),
        day.refused / day.rows,
        storing.max_rejected_share,
        f"{_FIGURE} of the rows were refused",
        Step("See below why rows were refused, and correct the inference table or the model."),
    )
    few = _few(day) if day.users < storing.judged_from_users else ""
    top = day.first[0]
    yield _share(
        (
            "Most frequent first place",
            f"share of the {words.subjects} {words.who} get {top.recommender} first",
            "storing.max_first_share",
        ),
        top.users / day.users,
        storing.max_first_share,
        f"{top.recommender} is first for {_FIGURE} of the {words.subjects}",
        Step(
            f"Ask whether {top.recommender} may be right for nearly everybody; if not, look at the last "
            "training."
        ),
        few or ("switched off by the setting" if storing.max_first_share >= 1.0 else ""),
    )
    enough = day.rankings >= storing.min_distinct_rankings
    yield Limit(
        "Different rankings",
        "how many rankings differ in any place",
        "storing.min_distinct_rankings",
        f"{day.rankings:,}",
        f"at least {storing.min_distinct_rankings:,}",
        f"{day.rankings - storing.min_distinct_rankings:,}",
        "skipped" if few else "holds" if enough else "fails",
        few,
        "" if enough else f"there are only {day.rankings:,} different rankings",
        None if enough else Step(f"Look at the last training: it hardly tells {words.subjects} apart."),
    )
    found = change(day, day.use_case.offered)
    if found is not None and sum(found.before.users.values()) < storing.judged_from_users:
        few = _few(day)
    yield _share(
        (
            "Changed since the day before",
            f"least share of the {words.subjects} {words.who} got another first place; what was retired "
            "since does not count",
            "storing.max_share_change",
        ),
        0.0 if found is None else found.moved,
        storing.max_share_change,
        f"the first places of {_FIGURE} of the {words.subjects} changed since the day before",
        Step("See below what changed most, and whether a new model or new data explains it."),
        few
        or ("no earlier day is known" if found is None else "")
        or ("switched off by the setting" if storing.max_share_change >= 1.0 else ""),
    )
    yield _snapshot(day)
    share = ages.stale_share(day)
    yield _share(
        (
            "Older rankings",
            "share of the rankings being served that an earlier prediction made",
            "freshness.max_stale_share",
        ),
        share or 0.0,
        day.use_case.freshness.max_stale_share,
        f"{_FIGURE} of the rankings being served are older than this day",
        Step(
            f"See whether the inference table holds every {words.subject} that it should. "
            f"{capital(words.subjects)} {words.who} are not in it keep an older ranking until that expires."
        ),
        "nothing is served from the store"
        if share is None and day.store is not None
        else "the store could not be looked at"
        if share is None
        else "",
    )


def _few(day: PredictionDay) -> str:
    least = day.use_case.words.counted_subjects(day.use_case.storing.judged_from_users)
    return f"not looked at with fewer than {least} (storing.judged_from_users)"


def _snapshot(day: PredictionDay) -> Limit:
    words = day.use_case.words
    allowed, found = day.use_case.freshness.max_input_age_days, ages.age(day.snapshot, day)
    named = (f"Age of the {words.subjects}' data", "days from their snapshot to the day of the run")
    setting = "freshness.max_input_age_days"
    if found is None or allowed is None:
        why = "any age is allowed" if allowed is None else "the inference table has no snapshot_date"
        bound = "" if allowed is None else f"at most {ages.days(allowed)}"
        return Limit(*named, setting, "", bound, "", "skipped", why)
    near = 0 < _NEAR * allowed <= found
    result: Result = "fails" if found > allowed else "near" if near else "holds"
    problem = f"the {words.subjects}' data is {ages.days(found)} old"
    advice = Step(f"Fill the inference table with newer {words.subjects}.", "ingest inference FILE")
    return Limit(
        *named,
        setting,
        ages.days(found),
        f"at most {ages.days(allowed)}",
        ages.days(allowed - max(0, found)) if found <= allowed else "none",
        result,
        "",
        "" if result == "holds" else problem,
        None if result == "holds" else advice,
    )


def _share(
    named: tuple[str, str, str], figure: float, bound: float, problem: str, advice: Step, skipped: str = ""
) -> Limit:
    """A share that may be at most ``bound``; ``skipped`` says why nobody looks at it."""
    if skipped:
        return Limit(*named, "", f"at most {percent(bound)}", "", "skipped", skipped)
    result: Result = "fails" if figure > bound else "near" if figure >= _NEAR * bound > 0.0 else "holds"
    left = max(0.0, bound - figure)
    return Limit(
        *named,
        _fine(figure),
        f"at most {_fine(bound)}",
        _fine(left),
        result,
        "",
        "" if result == "holds" else problem.replace(_FIGURE, _fine(figure)),
        None if result == "holds" else advice,
    )


def _fine(share: float) -> str:
    """A share in percent, with enough digits for small ones."""
    return f"{100 * share:.2g}%" if 0.0 < share < 0.01 else percent(share)
