"""The Evaluator's product: its figures and its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from newsletter_bandit.registry.evidence import Metrics, Verdict


@dataclass(frozen=True)
class Judgement:
    """Figures of the evaluation, and the gate's verdict on them."""

    metrics: Metrics
    verdict: Verdict

    @classmethod
    def of(cls, outputs: Mapping[str, str]) -> Judgement:
        """The judgement in the step's output folders; raises `DataError` if there is none."""
        folder = outputs["evaluation"]
        return cls(Metrics.read(folder), Verdict.read(folder))

    @property
    def phrase(self) -> str:
        """Such as "blessed, compared with logging policy"."""
        return f"{self.verdict.words}, compared with {self.verdict.compared_with}"

    @property
    def figures(self) -> dict[str, int]:
        """None: the rows are counted before."""
        return {}
