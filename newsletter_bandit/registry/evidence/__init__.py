"""Evidence of a model, one file each: figures, the gate's verdict, the decision how the model is served, why
it chooses as it does, how it holds its constraints, how its features are distributed and how far they moved,
how its refit came out, what stood in its way into production, and who signed it off.
"""

from newsletter_bandit.registry.evidence.constraints import Constraints
from newsletter_bandit.registry.evidence.decision import Decision
from newsletter_bandit.registry.evidence.drift import Drift, FeatureDrift
from newsletter_bandit.registry.evidence.explanation import Explanation
from newsletter_bandit.registry.evidence.metrics import Metrics
from newsletter_bandit.registry.evidence.placement import Placement, PlacementName
from newsletter_bandit.registry.evidence.refit import Refitted
from newsletter_bandit.registry.evidence.sign_off import Answer, SignOff, SignOffs
from newsletter_bandit.registry.evidence.statistics import FeatureStatistics, Statistics
from newsletter_bandit.registry.evidence.verdict import Verdict, VerdictName

__all__ = [
    "Answer",
    "Constraints",
    "Decision",
    "Drift",
    "Explanation",
    "FeatureDrift",
    "FeatureStatistics",
    "Metrics",
    "Placement",
    "PlacementName",
    "Refitted",
    "SignOff",
    "SignOffs",
    "Statistics",
    "Verdict",
    "VerdictName",
]
