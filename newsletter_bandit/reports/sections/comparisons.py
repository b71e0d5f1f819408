"""Compared with what? Each policy's net clicks per 100,000 newsletters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from newsletter_bandit.reports.amounts import Amount, scaled
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.sections.correction import bonferroni
from newsletter_bandit.settings.words import capital

# The estimator that the gate looks at.
ESTIMATOR = "dr"


@dataclass(frozen=True)
class Compared:
    """A policy's net clicks per 100,000 newsletters; ``own`` marks the model of the run."""

    label: str
    amount: Amount
    own: bool = False


def other_model(evidence: Evidence) -> str:
    """Label of the model that was in production when the run's was judged."""
    return "Model that it replaces" if evidence.outcome == "published" else "Model in production"


def compared(evidence: Evidence) -> list[Compared]:
    """The policies, by the gate's estimator where they need one; the model of the run is the last."""
    words = evidence.use_case.words
    overall, unit = evidence.metrics.overall, evidence.use_case.reward.unit
    rows = [
        Compared(f"{capital(words.units)} as they were {words.sent}", Amount.of(overall.logging_policy, unit))
    ]
    if overall.production is not None:
        rows.append(
            Compared(
                other_model(evidence), Amount.of(overall.production.serving_policy.values[ESTIMATOR], unit)
            )
        )
    rows += _unlearned(evidence)
    rows.append(
        Compared("This model", Amount.of(overall.candidate.serving_policy.values[ESTIMATOR], unit), own=True)
    )
    rows.append(
        Compared(
            "This model, never exploring", Amount.of(overall.candidate.eval_policy.values[ESTIMATOR], unit)
        )
    )
    return rows


def _unlearned(evidence: Evidence) -> Iterator[Compared]:
    """What needs no model: the best recommender for all, and each of them equally often."""
    alone, uniform = singles(evidence), evidence.metrics.overall.uniform
    if alone:
        yield Compared(f"Only {alone[0].label}, the best single one", alone[0].amount)
    if uniform is not None:
        unit = evidence.use_case.reward.unit
        yield Compared(
            "Each equally often",
            Amount(*(scaled(one, unit) for one in (uniform.value, uniform.low, uniform.high))),
        )


def singles(evidence: Evidence) -> list[Compared]:
    """Each recommender alone, the best first. Whoever picks the best of many picks luck too, so the intervals
    hold all together (Bonferroni).
    """
    unit = evidence.use_case.reward.unit
    known = {name: one for name, one in evidence.metrics.overall.overlap.items() if one.value is not None}
    factor = bonferroni(evidence.metrics.confidence, len(known))
    rows = []
    for name, one in known.items():
        found = Amount(*(scaled(figure, unit) for figure in (one.value, one.value_low, one.value_high)))
        rows.append(Compared(name, found.wider(factor)))
    return sorted(rows, key=lambda row: -(row.amount.value or 0.0))


def by_estimator(evidence: Evidence) -> list[tuple[str, list[Compared]]]:
    """Every estimator of the serving policies, by its name."""
    overall, unit = evidence.metrics.overall, evidence.use_case.reward.unit
    models = {"This model": overall.candidate, other_model(evidence): overall.production}
    return [
        (
            name,
            [
                Compared(label, Amount.of(model.serving_policy.values[name], unit), own=label == "This model")
                for label, model in models.items()
                if model is not None and name in model.serving_policy.values
            ],
        )
        for name in overall.candidate.serving_policy.values
    ]
