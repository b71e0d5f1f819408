"""A model trained before its recommenders were retired or renamed, brought up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tiny import Prepared, make_use_case
from tests.trainer.fitted import call, trained, users

# Trained with a, b and c. Since then b is called bee, c is retired and d is new.
SINCE = {"recommenders": ["a", "bee", "c", "d"], "renamed": {"b": "bee"}, "retired": ["c"]}


@pytest.fixture(scope="module")
def folder(arrays: dict[str, Any], transform_output: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, published with its criteria."""
    from components.pusher.criteria import attach

    model = trained(make_use_case(agent={"type": "lin_ucb"}), arrays, transform_output, slice(None))
    path = tmp_path_factory.mktemp("published") / "model"
    model.save(path)
    attach(str(path), {"exploration_rate": 1.0, "score_floor": -1e9, "expires_after_days": 5})
    return path


def load(folder: Path, run_day: str = "2026-11-23", **since: Any) -> Any:
    import tensorflow as tf

    from components.trainer.loaded import bring_up_to_date

    model = tf.saved_model.load(str(folder))
    bring_up_to_date(model, make_use_case(agent={"type": "lin_ucb"}, **since), run_day)
    return model


def test_a_retired_recommender_is_masked_and_a_renamed_one_has_its_new_name(folder: Path) -> None:
    model = load(folder, **SINCE)
    for policy in ("serving_policy", "eval_policy"):
        ranked = call(model.signatures[policy], users(3000))
        assert set(ranked["recommenders"].ravel()) == {b"a", b"bee", b""}
        assert np.all(ranked["propensities"][:, :2] > 0)
        assert np.all(ranked["propensities"][:, 2] == 0)
    # Lists may hold the old name, the new one, and the retired one.
    for listed, names in ((["b", "c"], [b"bee"]), (["bee", "d"], [b"bee"]), (["c"], [])):
        ranked = call(model.signatures["serving_policy"], users(10, listed))
        assert ranked["recommenders"].tolist() == [names + [b""] * (3 - len(names))] * 10


def test_logged_rows_keep_their_meaning(folder: Path) -> None:
    model = load(folder, **SINCE)
    rows = [{**users(1)[0], "recommender": name} for name in ("a", "b", "bee", "c", "d")]
    judged = call(model.signatures["evaluation"], rows)
    assert judged["logged_action"][:, 0].tolist() == [0, 1, 1, 2, -1]
    assert np.all(judged["serving_probabilities"][:, 2] == 0.0)
    # What was eligible when it was logged still was.
    assert judged["eligible_recommenders"].all()
    np.testing.assert_allclose(judged["serving_probabilities"].sum(axis=1), 1.0, rtol=1e-6)


def test_of_two_with_one_name_today_the_one_that_always_had_it_is_ranked(folder: Path) -> None:
    model = load(folder, recommenders=["a", "c"], renamed={"b": "c"})
    ranked = call(model.signatures["serving_policy"], users(50))
    assert set(ranked["recommenders"][:, :2].ravel()) == {b"a", b"c"}
    assert set(ranked["recommenders"][:, 2]) == {b""}


def test_a_constant_campaign_draws_anew_each_day_and_repeats_a_day(folder: Path) -> None:
    def explored(day: str) -> Any:
        return call(load(folder, day).signatures["serving_policy"], users(2000))["explored"][:, 0]

    first = explored("2026-11-23")
    assert np.array_equal(first, explored("2026-11-23"))
    other = explored("2026-11-30")
    assert first.sum() > 0
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.1


def test_training_rows_of_a_renamed_recommender_are_counted(prepared: Prepared, tmp_path: Path) -> None:
    from components.transform.in_memory import Transformer, analyse

    use_case = make_use_case(recommenders=["a", "bee", "c"], renamed={"b": "bee"}, retired=["c"])
    output = analyse(use_case, prepared.serialized, tmp_path / "graph")
    found = Transformer(output)(np.array(prepared.serialized[:200], dtype=object))
    for i, row in enumerate(prepared.rows[:200]):
        assert found["action"][i] == "abc".index(row["recommender"])
        allowed = row["eligible_recommenders"] or "abc"
        assert found["eligible"][i].tolist() == [int(name in allowed) for name in "abc"]
