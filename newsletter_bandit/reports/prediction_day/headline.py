"""The first thing that a reader sees: who has a ranking, from which model, and whether anything is wrong."""

from __future__ import annotations

from dataclasses import replace

from newsletter_bandit.reports.commands import complete
from newsletter_bandit.reports.judgement import Headline, Tone
from newsletter_bandit.reports.next_steps import Step
from newsletter_bandit.reports.prediction_day import ages
from newsletter_bandit.reports.prediction_day.change import change
from newsletter_bandit.reports.prediction_day.evidence import PredictionDay
from newsletter_bandit.reports.prediction_day.limits import limits
from newsletter_bandit.settings.words import capital


def problems(day: PredictionDay) -> list[str]:
    """What is wrong or nearly so, each as a clause, the worst first."""
    gone = [_gone(day)] if ages.expired(day) else []
    unseen = ["the store could not be looked at after the run"] if day.store is None else []
    found = limits(day)
    worst = [limit.problem for limit in found if limit.result == "fails"]
    near = [f"{limit.problem} (close to the limit)" for limit in found if limit.result == "near"]
    return [*gone, *worst, *near, *unseen]


def headline(day: PredictionDay) -> Headline:
    """The state of the day in words."""
    words, has = day.use_case.words, "has" if day.users == 1 else "have"
    made = f"{words.counted_subjects(day.users)} {has} a ranking for {day.run_date:%-d %B %Y}"
    wrong = problems(day)
    tone: Tone
    if ages.expired(day):
        tone, badge = "bad", "Stored, but not served"
    elif wrong:
        tone, badge = "unsure", "Stored, but look at this"
    else:
        tone, badge = "good", "Stored, nothing is wrong"
    ending = "and every limit holds" if not wrong else f"but {_listed(wrong)}"
    sentence = f"{made}, made by the model {day.model_version}, {ending}."
    return Headline(tone, badge, sentence, f"{_refused(day)} {_changed(day)}")


def steps(day: PredictionDay) -> list[Step]:
    """What to do, one step for each problem."""
    words = day.use_case.words
    found = [limit.advice for limit in limits(day) if limit.advice is not None]
    if ages.expired(day):
        found.insert(
            0, Step(f"Predict for today, so that {words.subjects} have a ranking that is served.", "predict")
        )
    if day.store is None:
        found.append(Step("See whether the store answers.", "status"))
    return [replace(step, command=complete(step.command, day) if step.command else "") for step in found]


def _gone(day: PredictionDay) -> str:
    words = day.use_case.words
    return (
        f"all of them expired on {day.expires_at:%-d %B %Y}, so the endpoint treats these "
        f"{words.subjects} as unknown"
    )


def _refused(day: PredictionDay) -> str:
    words = day.use_case.words
    if not day.refused:
        return f"No row was refused, so every {words.subject} of the inference table has one."
    rows = "1 row was" if day.refused == 1 else f"{day.refused:,} rows were"
    return (
        f"{rows} refused: such {words.a_subject} keeps the ranking of an earlier day until it expires, or "
        f"has none. {capital(words.a_subject)} with two rows keeps one."
    )


def _changed(day: PredictionDay) -> str:
    found = change(day)
    if found is None:
        return "There is no earlier day to compare with."
    amount = "nothing" if not found.moved else found.amount
    return f"Since {found.before.run_date:%-d %B}, {amount} changed in who is first."


def _listed(clauses: list[str]) -> str:
    return "; ".join(clauses)
