"""`fit` on rows in memory: the same as on files, warm, and for a recommender that was never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.use_case import UseCase
from tests.each_agent import of_agents
from tests.tiny import BEST, Prepared, make_use_case

NETWORK = {"hidden_layers": [16], "batch_size": 128, "epochs": 6, "learning_rate": 0.01}


def array_data(use_case: UseCase, arrays: dict[str, Any], output: Any) -> Any:
    from components.trainer.data import ArrayData
    from components.transform.layout import Layout, vocabulary_sizes

    layout = Layout.of(use_case)
    sizes = vocabulary_sizes(use_case, output)
    return ArrayData(arrays, layout, sizes, use_case.propensity_weighting)


def test_arrays_and_files_hold_the_same_rows(
    prepared: Prepared, arrays: dict[str, Any], transform_output: Any
) -> None:
    from components.trainer.data import FileData

    memory = array_data(prepared.use_case, arrays, transform_output)
    files = FileData(prepared.files, memory.layout, memory.vocabulary_sizes, memory.weighting)
    assert memory.totals.rows == files.totals.rows == len(prepared.rows)
    assert memory.totals.weight_sum == pytest.approx(files.totals.weight_sum, rel=1e-6)
    (one,), (other,) = memory.batches(5000), files.batches(5000)
    assert set(one) == set(other)

    def rows(batch: dict[str, Any]) -> list[tuple[float, ...]]:
        columns = [np.reshape(batch[name].numpy(), (len(prepared.rows), -1)) for name in sorted(batch)]
        return sorted(map(tuple, np.concatenate(columns, axis=1).tolist()))

    # The two went through the graph in batches of other sizes, on which the last digit of a float32 depends.
    np.testing.assert_allclose(rows(one), rows(other), atol=1e-5)


def test_each_epoch_of_shuffled_arrays_is_a_permutation(
    prepared: Prepared, arrays: dict[str, Any], transform_output: Any
) -> None:
    numbered = {**arrays, "reward": np.arange(len(prepared.rows), dtype=np.float32)}
    data = array_data(prepared.use_case, numbered, transform_output)
    batches = [batch["reward"].numpy() for batch in data.batches(1000, epochs=2, seed=3)]
    assert [len(batch) for batch in batches] == [1000] * 6
    first, second = np.concatenate(batches[:3]), np.concatenate(batches[3:])
    assert sorted(first) == sorted(second) == list(range(3000))
    assert not np.array_equal(first, second)
    again = [batch["reward"].numpy() for batch in data.batches(1000, epochs=2, seed=3)]
    assert np.array_equal(np.concatenate(again), np.concatenate(batches))


def test_rows_of_unknown_recommenders_alone_are_refused(
    prepared: Prepared, arrays: dict[str, Any], transform_output: Any
) -> None:
    from components.trainer.training import fit

    strange = {**arrays, "action": np.full(len(prepared.rows), -1)}
    with pytest.raises(DataError, match="none of which shows one of the use case's recommenders"):
        fit(prepared.use_case, array_data(prepared.use_case, strange, transform_output), transform_output)


def estimates(model: Any, rows: list[dict[str, Any]]) -> Any:
    import tensorflow as tf

    from tests.tiny import encode

    examples = tf.constant([encode({**row, "recommender": "a"}) for row in rows])
    return model.evaluation(examples)["reward_estimates"].numpy()


def by_colour() -> list[dict[str, Any]]:
    return [
        {"user_id": "u", "campaign": "c", "colour": colour, "height": 170.0, "weight": 55.0, "member": 1}
        for colour in BEST
    ]


def test_a_recommender_that_was_never_shown_is_ranked_by_its_features(
    arrays: dict[str, Any], transform_output: Any
) -> None:
    """c likes what b likes, so that its estimates follow b's although no row shows it."""
    from components.trainer.training import fit

    use_case = make_use_case(
        agent={"type": "recommender_features", **NETWORK},
        recommender_features={"a": {"likes": 0.0}, "b": {"likes": 1.0}, "c": {"likes": 1.0}},
    )
    shown = arrays["action"] != 2
    data = array_data(use_case, {key: x[shown] for key, x in arrays.items()}, transform_output)
    found = estimates(fit(use_case, data, transform_output), by_colour())
    assert np.allclose(found[:, 1], found[:, 2])
    assert found[1, 2] > 0.3 > found[1, 0]  # green is b's colour


@pytest.mark.parametrize("agent", of_agents(["neural_epsilon_greedy", "lin_ucb", "neural_lin_ucb"]))
def test_a_warm_start_keeps_what_was_learnt(
    agent: str, arrays: dict[str, Any], transform_output: Any, tmp_path: Path
) -> None:
    """The second training sees 60 rows: too few to learn from, so what it knows comes from the first."""
    from components.trainer.training import fit
    from components.trainer.warm_start import WarmStartState

    settings = {"type": agent, **({"l2": 1.0} if agent == "lin_ucb" else NETWORK)}
    use_case = make_use_case(agent=settings)
    first = fit(use_case, array_data(use_case, arrays, transform_output), transform_output)
    first.warm_start.save(str(tmp_path))
    state = WarmStartState.load(str(tmp_path))
    assert state is not None
    few = make_use_case(agent=settings if agent == "lin_ucb" else {**settings, "epochs": 1})
    data = array_data(few, {key: x[:60] for key, x in arrays.items()}, transform_output)

    def contrast(model: Any) -> float:
        found = estimates(model, by_colour())
        return float(np.diag(found).mean() - found.mean())

    warm, cold = fit(few, data, transform_output, warm_start=state), fit(few, data, transform_output)
    assert contrast(warm) > contrast(cold) + 0.02
    if agent != "neural_lin_ucb":  # only its network is warm
        assert contrast(warm) > 0.2
    if agent == "neural_epsilon_greedy":  # a ridge regression learns from 60 rows too
        assert contrast(cold) < 0.1


def test_another_agent_starts_anew(arrays: dict[str, Any], transform_output: Any) -> None:
    from components.trainer.training import fit
    from components.trainer.warm_start import Names, WarmStartState

    use_case = make_use_case(agent={"type": "lin_ucb"})
    data = array_data(use_case, arrays, transform_output)
    names = Names.of(use_case, transform_output)
    state = WarmStartState(names, "lin_ts", {"a": np.full((3, 1, 1), 1e9)})
    warm, cold = (
        fit(use_case, data, transform_output, warm_start=state),
        fit(use_case, data, transform_output),
    )
    assert np.array_equal(estimates(warm, by_colour()), estimates(cold, by_colour()))


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    from components.trainer.warm_start import FILE, WarmStartState

    assert WarmStartState.load(str(tmp_path)) is None
    path = tmp_path / FILE
    path.parent.mkdir()
    path.write_bytes(b"not an archive")
    with pytest.raises(DataError, match=r"warm_start\.npz: not what a training left"):
        WarmStartState.load(str(tmp_path))
