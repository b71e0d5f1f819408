"""Evidence of a model, one file each: figures, the gate's verdict, and the decision how the model is
served.
"""

from newsletter_bandit.registry.evidence.decision import Decision
from newsletter_bandit.registry.evidence.metrics import Metrics
from newsletter_bandit.registry.evidence.verdict import Verdict, VerdictName

__all__ = ["Decision", "Metrics", "Verdict", "VerdictName"]
