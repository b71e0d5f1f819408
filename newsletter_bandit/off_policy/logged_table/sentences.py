"""Sentences on what a reader must know before believing the figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from newsletter_bandit.off_policy.logged_table.figures import PartFigures
from newsletter_bandit.off_policy.logged_table.overlap import ActionFigures

# A share of at least this is worth a sentence.
_HEAVY_TOP = 0.5
_CLIPPED = 0.01
_NEVER_LOGGED = 0.001
_NAMED = 5


def estimated_propensities(context: Sequence[str]) -> str:
    """Warning that the log had no propensities."""
    return (
        f"Propensities were not logged: they are ESTIMATED from {', '.join(context)}. Every figure holds "
        "only if the logging policy looked at nothing else; no diagnostic can show that."
    )


def of_weights(found: PartFigures, unit: str, weight_clip: float | None) -> list[str]:
    """Warnings about the weights."""
    weights, said = found.weights, []
    if weights.clipped_share > _CLIPPED and weight_clip is not None:
        said.append(
            f"{weights.clipped_share:.1%} of the {unit}s have a weight above the clip of {weight_clip:g}: "
            "the figures lean towards what the log does."
        )
    if math.isfinite(weights.top_share) and weights.top_share > _HEAVY_TOP:
        said.append(
            f"1% of the {unit}s carry {weights.top_share:.0%} of the weight: the figures rest on them."
        )
    if found.logged.standard_error == 0.0 and weights.rows > 1:
        said.append(f"Every reward is {found.logged.value:g}: nothing can be learned from it.")
    return said


def of_actions(actions: Sequence[ActionFigures], exact: bool) -> list[str]:
    """Warnings about actions that the evaluation policy takes and the log never did."""
    if not exact:
        return []
    missing = [each for each in actions if each.rows == 0 and each.evaluation_share > 0.0]
    share = sum(each.evaluation_share for each in missing)
    if share <= _NEVER_LOGGED:
        return []
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    names = ", ".join(each.action for each in missing[:_NAMED])
    return [f"The evaluation policy takes {names}{more} {share:.1%} of the time; the log never did."]


def of_versions(versions: Mapping[str, PartFigures], min_effective_sample_size: float) -> list[str]:
    """Warnings about logging policies whose rows say little about the evaluation policy."""
    weak = [
        name
        for name, found in versions.items()
        if found.weights.effective_sample_size < min_effective_sample_size
    ]
    if not weak or len(versions) == 1:
        return []
    more = f" and {len(weak) - _NAMED} more" if len(weak) > _NAMED else ""
    return [
        f"Rows logged by {', '.join(weak[:_NAMED])}{more} say next to nothing about the evaluation policy."
    ]
