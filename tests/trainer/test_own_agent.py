"""An agent of one's own, by the three steps of docs/agents.md: settings, a module, a line in the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from pydantic import Field

from newsletter_bandit.settings.agents import Agent
from newsletter_bandit.settings.use_case import UseCase
from tests.tiny import Prepared, encode, make_use_case

EPSILON = 0.2


@pytest.fixture(scope="module")
def exported(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model of that agent, made by `fit`."""
    import tensorflow_transform as tft

    from components.trainer.agents import AGENTS
    from components.trainer.data import FileData
    from components.trainer.training import fit
    from components.transform.layout import Layout, vocabulary_sizes
    from tests.trainer.popular_agent import Popular, train

    class UseCaseWithPopular(UseCase):
        agent: Annotated[Agent | Popular, Field(discriminator="type")]  # type: ignore[assignment]

    settings = make_use_case().model_dump(mode="json") | {
        # An epoch of whole batches: each row counts once.
        "agent": {"type": "popular", "batch_size": 500, "epochs": 1},
        "propensity_weighting": {"enabled": False},
        "exploration": {"epsilon": EPSILON},
    }
    use_case = UseCaseWithPopular.from_json(UseCaseWithPopular.model_validate(settings).to_json())
    output = tft.TFTransformOutput(prepared.transform_output)
    data = FileData(
        prepared.files,
        Layout.of(use_case),
        vocabulary_sizes(use_case, output),
        use_case.propensity_weighting,
    )
    folder = tmp_path_factory.mktemp("popular")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(AGENTS, "popular", train)
        fit(use_case, data, output).save(folder)
    return folder


def means(prepared: Prepared) -> np.ndarray:
    """Mean reward of a, b and c in the log."""
    return np.array(
        [
            np.mean([row["reward"] for row in prepared.rows if row["recommender"] == recommender])
            for recommender in prepared.use_case.recommenders
        ]
    )


def test_its_agent_was_trained_on_each_row(exported: Path, prepared: Prepared) -> None:
    import tensorflow as tf

    evaluation = tf.saved_model.load(str(exported)).signatures["evaluation"]
    figures = evaluation(examples=tf.constant(prepared.serialized[:10]))
    expected = np.tile(means(prepared), (10, 1))
    np.testing.assert_allclose(figures["reward_estimates"].numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("eligible", [["a", "b", "c"], ["a", "c"], ["b"]])
def test_its_policy_is_served(eligible: list[str], exported: Path, prepared: Prepared) -> None:
    import tensorflow as tf

    row = {**prepared.rows[0], "eligible_recommenders": eligible}
    allowed = np.array([name in eligible for name in prepared.use_case.recommenders])
    own = np.where(allowed, means(prepared), 0.0)
    expected = (1 - EPSILON) * own / own.sum() + EPSILON * allowed / allowed.sum()

    signatures = tf.saved_model.load(str(exported)).signatures
    examples = tf.constant([encode({**row, "user_id": f"user-{i}"}) for i in range(50)])
    figures = signatures["evaluation"](examples=examples)
    np.testing.assert_allclose(
        figures["serving_probabilities"].numpy(), np.tile(expected, (50, 1)), rtol=1e-5
    )
    served = signatures["serving_policy"](examples=examples)
    first = ["abc".index(name.decode()) for name in served["recommenders"].numpy()[:, 0]]
    np.testing.assert_allclose(served["propensities"].numpy()[:, 0], expected[first], rtol=1e-5)
