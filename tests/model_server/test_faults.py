"""Faults of ours: a ranking that cannot be, and a log that cannot be written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from newsletter_bandit.errors import DataError
from pipelines.model_server.serving import opened
from pipelines.workspace import Workspace
from tests.model_server import published
from tests.model_server.asking import ask, ask_app, at
from tests.ranking_model import policy_outputs

NOW = at("2024-01-15 08:00:00")


class Broken(tf.Module):
    """No finite score for the users whose id begins with a given text, and no propensity."""

    def __init__(self, beginning: str) -> None:
        super().__init__()
        self._pattern = f"{beginning}.*"

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def rank(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        user = tf.io.parse_example(examples, {"user_id": tf.io.FixedLenFeature([1], tf.string)})["user_id"]
        score = tf.where(tf.strings.regex_full_match(user, self._pattern), float("nan"), 0.5)
        return policy_outputs(
            user_id=user, recommenders=tf.fill(tf.shape(user), "a"), scores=score, propensities=score
        )


def broken_for(beginning: str, folder: Path) -> Workspace:
    """A workspace with that model in production, which is too simple to know of renamed recommenders."""
    workspace = published.workspace(folder)
    module, model = Broken(beginning), folder / "model"
    tf.saved_model.save(module, str(model), signatures={"serving_default": module.rank})
    published.publish(workspace, model, 14)
    return published.of_use_case(workspace, workspace.use_case.model_copy(update={"renamed": {}}))


def test_a_ranking_that_cannot_be_is_500_and_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = broken_for("bad", tmp_path)
    version = published.registry_of(workspace).require_current()
    bodies = [("/rank", {"user_id": user}) for user in ("good", "bad", "good too")]
    good, bad, too = ask(workspace, bodies, NOW)
    assert good.status_code == too.status_code == 200
    assert bad.status_code == 500
    assert bad.json()["error"] == {"code": "internal", "message": "an internal error; it was logged"}
    assert f"version {version}: its scores are not all finite" in caplog.text
    (file,) = Path(workspace.environment.model_server.log).iterdir()
    assert [b'"good' in line for line in file.read_bytes().splitlines()] == [True, True]


def test_a_model_that_ranks_nobody_is_refused_before_serving(tmp_path: Path) -> None:
    workspace = broken_for("user", tmp_path)
    with pytest.raises(DataError, match="not all finite, or a propensity is outside"), opened(workspace):
        pass


def test_what_cannot_be_logged_is_not_answered(tmp_path: Path) -> None:
    workspace = broken_for("bad", tmp_path)
    reward = {"ranking_id": "0" * 32, "outcomes": {"clicked": True}}
    log = Path(workspace.environment.model_server.log)
    with opened(workspace, lambda: NOW) as (app, _):
        shutil.rmtree(log)
        requests = [("/rank", {"user_id": "good"}), ("/reward", reward)]
        for answer in ask_app(app, requests):
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "log_unavailable"
            assert str(tmp_path) not in answer.text
        log.mkdir()
        assert [answer.status_code for answer in ask_app(app, requests)] == [200, 200]
