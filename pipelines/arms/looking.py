"""One look at every recommender: what the log holds, how often it is served, and whether it is needed."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from components.prediction_storer.first_slots import StoredRun
from newsletter_bandit.exported_model import SERVING_POLICY
from newsletter_bandit.off_policy.estimators.base import RewardRange
from newsletter_bandit.registry import Registry
from newsletter_bandit.settings.reward import without_bounds
from newsletter_bandit.settings.use_case import Gate, UseCase
from newsletter_bandit.settings.words import Words
from pipelines import batch_prediction
from pipelines.arms.found import Arm, ArmsFound, Judged, Logged, Range
from pipelines.arms.reading import Newsletters, newsletters, weeks_of
from pipelines.arms.removal import Policy, Removal, corrected
from pipelines.arms.weekly import WindowSums
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from pipelines.arms.scoring import Production


def look(workspace: Workspace, window: tuple[dt.date, dt.date]) -> ArmsFound:
    """Every recommender of the use case over a window.

    Without a model in production, nothing is known but what the log holds.

    Args:
      workspace: the use case and where it runs.
      window: first day and day after the last.

    Raises:
      UserError: the warehouse or the registry cannot be read, or the model in production is too old.
    """
    use_case, environment = workspace.use_case, workspace.environment
    registry = Registry(environment.registry, use_case.name)
    version = registry.current()
    comparing = None if version is None else Comparing(_production(registry, version, use_case), use_case)
    sums = WindowSums(use_case.recommenders, weeks_of(window))
    for part in newsletters(use_case, environment.warehouse, window):
        sums.add(part.week, part.action, part.reward, part.propensity, part.user, part.eligible)
        if comparing is not None:
            comparing.add(part)
    stored = StoredRun.read(batch_prediction.last_stored(use_case, environment), use_case.renamed)
    return found(use_case, window, sums, comparing, version, stored)


class Comparing:
    """Production's policy with and without each recommender, over the newsletters of held-out users.

    Args:
      production: the model in production.
      use_case: its gate and reward are used.

    Attributes:
      policy: sums of the policy as it is.
      judged: recommenders whose removal is compared.
      removals: sums of each of them.
    """

    def __init__(self, production: Production, use_case: UseCase) -> None:
        gate, bounds = use_case.gate, use_case.reward.bounds
        self._production = production
        self._few = _few(production)
        self.judged = tuple(
            name
            for name, offered in zip(production.names, production.offered, strict=True)
            if offered and name not in self._few
        )
        self.policy = Policy(gate, bounds)
        self.removals = self._removals(gate, bounds, use_case.words)
        self._shown = np.zeros(len(production.names))

    def _removals(self, gate: Gate, bounds: RewardRange | None, words: Words) -> dict[str, Removal]:
        return {name: Removal(gate, bounds, len(self.judged), words) for name in self.judged}

    def add(self, part: Newsletters) -> None:
        """Adds newsletters; those of users whom the model learned from are left out."""
        from components.example_gen.encode import serialize
        from pipelines.arms.scoring import Rows

        kept = part.held_out
        if not kept.any():
            return
        examples = serialize(part.rows.filter(pa.array(kept)))
        rows = Rows(
            np.array(examples, dtype=np.object_), part.reward[kept], part.propensity[kept], part.user[kept]
        )
        index = [self._production.names.index(name) for name in self.judged]
        whole, probabilities, without = self._production.seen(rows, index)
        self.policy.add(whole)
        self._shown += probabilities.sum(axis=0)
        for removal, batch in zip(self.removals.values(), without, strict=True):
            removal.add(batch, whole)

    def share(self, name: str) -> float | None:
        """Share of the newsletters in which the policy would show a recommender; None without rows."""
        if not self.policy.rows:
            return None
        names = self._production.names
        return float(self._shown[names.index(name)]) / self.policy.rows if name in names else 0.0

    def too_new(self, name: str) -> str:
        """Why a recommender cannot be judged yet; "" if it can."""
        if name not in self._production.names:
            return "the model in production does not know it; the next training makes one that tries it"
        return self._few.get(name, "")


def found(
    use_case: UseCase,
    window: tuple[dt.date, dt.date],
    sums: WindowSums,
    comparing: Comparing | None,
    version: str | None,
    stored: StoredRun | None,
) -> ArmsFound:
    """What the sums say of each recommender.

    Args:
      use_case: gives recommenders, gate and reward.
      window: first day and day after the last.
      sums: of all newsletters of the window.
      comparing: production's policy with and without each; None if nothing is in production.
      version: version in production.
      stored: the last run that stored rankings; None if none is known.
    """
    gate = use_case.gate
    looks = len(comparing.judged) if comparing is not None else len(use_case.offered)
    of_policy = Range() if comparing is None else comparing.policy.value(gate.confidence)
    users = {} if stored is None else stored.users
    total = sum(users.values())
    unsupported = _unsupported(use_case, sums, comparing)
    logged = sums.logged(gate.confidence, corrected(gate, len(use_case.recommenders)))
    return ArmsFound(
        use_case=use_case.name,
        window=window,
        rows=sums.rows,
        judged_rows=0 if comparing is None else comparing.policy.rows,
        version=version,
        policy_value=of_policy,
        stored=f"{stored.run_date}, {stored.model_version}" if stored is not None and total else None,
        confidence=corrected(gate, looks),
        value_confidence=gate.confidence,
        allowed_loss=gate.allowed_margin.of(of_policy.value) if version is not None else math.nan,
        arms=tuple(
            Arm(
                logged=one,
                stored_share=users.get(one.recommender, 0) / total if total else None,
                model_share=None if comparing is None else comparing.share(one.recommender),
                judged=_judged(one, use_case, comparing, unsupported, of_policy.value),
            )
            for one in logged
        ),
    )


def _judged(
    logged: Logged, use_case: UseCase, comparing: Comparing | None, unsupported: str, policy_value: float
) -> Judged:
    name = logged.recommender
    if name in use_case.retired:
        return Judged("retired", "it is not ranked any more")
    if comparing is None:
        return Judged("cannot_tell", "no model is in production")
    too_new = comparing.too_new(name)
    if too_new:
        return Judged("cannot_tell", too_new)
    judged = comparing.removals[name].judged(policy_value) if name in comparing.removals else None
    if judged is None:
        return Judged("cannot_tell", "the model in production ranks another one under this name")
    if unsupported:
        return Judged("cannot_tell", unsupported, judged.gain)
    if judged.verdict == "retire" and len(use_case.offered) < 3:
        return Judged("cannot_tell", "at least two must be offered", judged.gain)
    return judged


def _unsupported(use_case: UseCase, sums: WindowSums, comparing: Comparing | None) -> str:
    """Why the log can judge no policy at all; "" if it can."""
    if comparing is None:
        return ""
    if use_case.reward.unbounded:
        return without_bounds(use_case.reward.unbounded)
    gate, ratio = use_case.gate, sums.sample_ratio(use_case.retired)
    off = [
        name
        for name, found in zip(use_case.recommenders, ratio.ratios, strict=True)
        if abs(found - 1.0) > gate.sample_ratio_tolerance
    ]
    p = ratio.p_value
    if off and math.isfinite(p) and p < gate.min_sample_ratio_p:
        return f"sample ratio: the log does not hold {', '.join(off)} as often as its propensities say"
    return comparing.policy.unsupported()


def _few(production: Production) -> Mapping[str, str]:
    """The recommenders that are new to the model, and what to say of each."""
    few: Sequence[bool] = [] if production.few_rows is None else production.few_rows.tolist()
    rows = [0] * len(few) if production.training_rows is None else production.training_rows.tolist()
    return {
        name: f"too few rows: the model learned from {own:,} of it (exploration.new_arm)"
        for name, is_new, own in zip(production.names, few, rows, strict=False)
        if is_new
    }


def _production(registry: Registry, version: str, use_case: UseCase) -> Production:
    from pipelines.arms.scoring import Production

    decision = registry.info(version).decision
    registry.require_intact(version)
    # A refit has seen the held-out users; the model judged before it has not.
    model = registry.judged_model_uri(version) or registry.model_uri(version)
    folder = f"{model}/Format-Serving"
    return Production(folder, use_case, SERVING_POLICY if decision is None else decision.policy)
