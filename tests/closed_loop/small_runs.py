"""A linear agent's two weeks in the closed loop, small enough for a test."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from newsletter_bandit.settings.margin import Loss
from newsletter_bandit.settings.reading import load_environment, load_use_case
from pipelines.closed_loop import planning
from pipelines.closed_loop.planning import Plan
from pipelines.workspace import Workspace

ROOT = Path(__file__).parents[2]
USE_CASE = ROOT / "configs" / "newsletter.yaml"
# Evidence that a real gate would not accept: 600 newsletters per week are few.
GATE = {
    "min_rows": 100,
    "min_effective_sample_size": 5,
    "max_weight": 1e6,
    "min_auc": 0.0,
    "allowed_margin": Loss(share=0.99),
    "mean_weight_tolerance": 1.0,
    "min_sample_ratio_p": 0.0,
    "max_clipped_weight": 1.0,
    "confidence": 0.6,
}


# Of each kind one: what transforming and training take grows with their number.
FEATURES = ("segment", "discount_share", "last_order_on", "has_app")


def workspace(workdir: Path) -> Workspace:
    """The shipped newsletter with that gate and those features."""
    use_case = load_use_case(USE_CASE)
    features = {name: use_case.features[name] for name in FEATURES}
    use_case = use_case.model_copy(update={"features": features, "slices": ("segment",)})
    gate = use_case.gate.model_copy(update={**GATE, "max_unsubscribe_ratio": None, "max_auc_drop": 1.0})
    environment = load_environment(ROOT / "configs" / "environments" / "local.yaml")
    return Workspace(use_case.model_copy(update={"gate": gate}), USE_CASE, environment, workdir)


def plan(workdir: Path) -> Plan:
    """Two weeks of 600 newsletters under LinUCB."""
    return planning.plan(workspace(workdir), ["lin_ucb"], weeks=2, newsletters=600, seeds=1)


def console() -> Console:
    """A terminal that nobody sees."""
    return Console(file=io.StringIO(), width=120)
