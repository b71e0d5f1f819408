"""Settings of what learns and explores: the agents, propensity weighting, exploration, warm start and
tuning.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from newsletter_bandit.settings.base import Settings
from newsletter_bandit.settings.margin import Loss, Margin


class Network(Settings):
    """A network over embeddings and numbers, trained by AdamW on the squared error of the logged reward.

    The learning rate falls from ``learning_rate`` to 0 over the training.
    """

    hidden_layers: tuple[int, ...] = (64, 32)
    learning_rate: float = Field(default=3e-3, gt=0.0, le=1.0)
    batch_size: int = Field(default=512, ge=1, le=65536)
    epochs: int = Field(default=6, ge=1, le=1000)
    weight_decay: float = Field(default=0.1, ge=0.0, le=10.0)
    seed: int = Field(default=1, ge=0)

    @field_validator("hidden_layers")
    @classmethod
    def _sizes(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if not sizes or any(not 1 <= size <= 4096 for size in sizes):
            raise ValueError(f"found {list(sizes)}; allowed: at least one layer of 1 to 4096 units")
        return sizes


class Averaged(Network):
    """Several networks that differ in their first weights and in the order of their rows.

    Their mean is the estimate: ``networks`` of them cost as many times the training, and estimate with less
    of its chance.
    """

    networks: int = Field(default=1, ge=1, le=32)


class Linear(Settings):
    """Ridge regression per recommender; docs/agents.md measures its ``l2`` at several numbers of rows."""

    l2: float = Field(default=300.0, gt=0.0, le=1e6)
    batch_size: int = Field(default=4096, ge=1, le=65536)


class NeuralEpsilonGreedy(Averaged):
    """TF-Agents' NeuralEpsilonGreedyAgent: a network estimates each recommender's reward."""

    type: Literal["neural_epsilon_greedy"]


class Boltzmann(Averaged):
    """TF-Agents' GreedyRewardPredictionAgent; serves a softmax of its estimates / ``temperature`` (reward
    units).
    """

    type: Literal["boltzmann"]
    temperature: float = Field(default=0.02, gt=0.0, le=100.0)


class RecommenderFeatures(Network):
    """A network over user and recommender features, so that a recommender never trained on can be ranked.

    ``recommender_layers`` is the tower of the recommender's features before it meets the user's.
    """

    type: Literal["recommender_features"]
    recommender_layers: tuple[int, ...] = (16,)


class NeuralLinUCB(Network):
    """TF-Agents' NeuralLinUCBAgent: LinUCB over the last layer of a trained network (``encoding_dim``
    wide).
    """

    type: Literal["neural_lin_ucb"]
    encoding_dim: int = Field(default=32, ge=1, le=1024)
    alpha: float = Field(default=0.5, ge=0.0, le=100.0)
    l2: float = Field(default=1.0, gt=0.0, le=1e6)


class LinUCB(Linear):
    """TF-Agents' LinearUCBAgent: optimistic by ``alpha`` standard errors."""

    type: Literal["lin_ucb"]
    alpha: float = Field(default=0.5, ge=0.0, le=100.0)


class LinTS(Linear):
    """TF-Agents' LinearThompsonSamplingAgent over ``samples`` stored draws of the posterior, scaled by
    ``alpha``.
    """

    type: Literal["lin_ts"]
    alpha: float = Field(default=0.5, ge=0.0, le=100.0)
    samples: int = Field(default=100, ge=2, le=10_000)
    seed: int = Field(default=1, ge=0)


Agent = Annotated[
    NeuralEpsilonGreedy | Boltzmann | RecommenderFeatures | NeuralLinUCB | LinUCB | LinTS,
    Field(discriminator="type"),
]


class PropensityWeighting(Settings):
    """Training weights 1 / propensity, clipped at ``clip`` times the uniform policy's, with mean 1."""

    enabled: bool = True
    clip: float = Field(default=5.0, ge=1.0, le=1000.0)


class NewArm(Settings):
    """The budget of a recommender with few training rows, whatever the agent thinks of it.

    Its estimate rests on little or nothing, so it is tried in a share of the newsletters in which it is
    eligible, until it is known. The eval policy ranks it behind all others.

    Attributes:
      until_rows: with so many training rows a recommender is known; 0 switches the budget off. In a small
        log fewer are enough: half of what ``max_share`` or, where that is less, an equal share of it gives.
      min_share: least share of the first slots.
      max_share: largest share of the first slots.
      max_total_share: largest share of all such recommenders together.
    """

    until_rows: int = Field(default=500, ge=0)
    min_share: float = Field(default=0.01, ge=0.0, le=1.0)
    max_share: float = Field(default=0.05, gt=0.0, le=1.0)
    max_total_share: float = Field(default=0.2, gt=0.0, le=1.0)

    @model_validator(mode="after")
    def _in_order(self) -> NewArm:
        if not self.min_share <= self.max_share <= self.max_total_share:
            raise ValueError(
                f"found min_share {self.min_share:g}, max_share {self.max_share:g}, max_total_share "
                f"{self.max_total_share:g}; allowed: none larger than the next"
            )
        return self

    def threshold(self, rows: int, recommenders: int) -> float:
        """Number of its rows from which a recommender is known, in a log of ``rows`` rows in all."""
        return min(float(self.until_rows), rows * min(self.max_share, 1.0 / recommenders) / 2.0)


class Exploration(Settings):
    """Exploration of the serving policy, slot by slot, over the recommenders that are left and eligible.

    Attributes:
      epsilon: share of uniform choices mixed into the agent's own policy, so that every propensity is above
        0.
      max_cost: reward that exploring may cost against the eval policy: a share of what that earns, or units
        of reward per newsletter.
      min_rate: least share of the exploring policy, which is mixed with the eval policy to respect
        ``max_cost``. If the share would fall below this, the eval policy is served alone.
      new_arm: budget of a recommender with few training rows, on top of the rest.
    """

    epsilon: float = Field(default=0.1, ge=0.0, le=1.0)
    max_cost: Margin = Loss(share=0.15)
    min_rate: float = Field(default=0.2, ge=0.0, le=1.0)
    new_arm: NewArm = NewArm()


class WarmStart(Settings):
    """Start of a training from the model in production.

    Attributes:
      enabled: if off, each training starts from scratch.
      decay: weight of the old rows against new ones in the sums of a linear agent; no effect on networks.
    """

    enabled: bool = False
    decay: float = Field(default=0.5, ge=0.0, le=1.0)


class TunedRange(Settings):
    """Values to search: ``choices``, or all from ``low`` to ``high`` (whole numbers where both are)."""

    choices: tuple[Any, ...] | None = None
    low: float | int | None = None
    high: float | int | None = None
    log: bool = False

    @model_validator(mode="after")
    def _either(self) -> TunedRange:
        bounded = self.low is not None and self.high is not None
        if (self.choices is None) == (not bounded) or (self.choices is not None and not self.choices):
            raise ValueError("use either choices, or both low and high")
        if self.low is not None and self.high is not None:
            if self.low >= self.high:
                raise ValueError(f"found low {self.low}, high {self.high}; allowed: low < high")
            if self.log and self.low <= 0:
                raise ValueError(f"found log with low {self.low}; allowed: more than 0")
        return self


class Tuning(Settings):
    """The search of `newsletter-bandit tune`.

    Attributes:
      trials: number of hyperparameter sets to try.
      ranges: ranges by hyperparameter, such as ``agent.learning_rate`` or ``propensity_weighting.clip``.
      validation_share: share of the training split that is held out to compare the sets on.
    """

    trials: int = Field(default=20, ge=1, le=10_000)
    ranges: dict[str, TunedRange] = {}
    validation_share: float = Field(default=0.25, gt=0.0, lt=1.0)
    seed: int = Field(default=1, ge=0)
