"""The Evaluator itself, over real SavedModels and TFRecords."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.evaluator.report import policy_values
from newsletter_bandit.registry.evidence import Explanation, Metrics, Verdict
from newsletter_bandit.registry.evidence.explanation import Question
from newsletter_bandit.settings.use_case import Explanation as ExplanationSettings
from newsletter_bandit.settings.use_case import UseCase
from tests.evaluator.logged_shop import save_model, serving_value, shop_use_case, write_rows
from tests.in_process import BEAM_ARGS

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_rows(folder / "examples" / "Split-eval", 6000, seed=3)
    write_rows(folder / "few" / "Split-eval", 200, seed=4)
    save_model(folder / "right", shift=0)
    save_model(folder / "wrong", shift=1)
    (folder / "none").mkdir()
    return folder


def evaluate(
    shop: Path,
    output: Path,
    use_case: UseCase,
    model: str,
    production: str,
    examples: str = "examples",
    reference: str = "none",
) -> tuple[Any, Metrics, Verdict]:
    """Runs the executor as the launcher does: blessing artifact, metrics and verdict."""
    from tfx.dsl.components.base import base_beam_executor
    from tfx.types import artifact_utils, standard_artifacts

    from components.evaluator.executor import Executor

    rows = standard_artifacts.Examples()
    rows.uri = str(shop / examples)
    rows.split_names = artifact_utils.encode_split_names(["eval"])
    candidate, baseline, earlier = (standard_artifacts.Model() for _ in range(3))
    candidate.uri, baseline.uri, earlier.uri = (str(shop / name) for name in (model, production, reference))
    baseline.set_string_custom_property("version", "v7")
    earlier.set_string_custom_property("version", "v1")
    evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
    evaluation.uri, blessing.uri = str(output / "evaluation"), str(output / "blessing")
    for artifact in (evaluation, blessing):
        Path(artifact.uri).mkdir(parents=True)
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=BEAM_ARGS, tmp_dir=str(output / "tmp"), unique_id="1"
    )
    Executor(context).Do(
        {
            "examples": [rows],
            "model": [candidate],
            "baseline_model": [baseline],
            "reference_model": [earlier],
        },
        {"evaluation": [evaluation], "blessing": [blessing]},
        {"use_case": use_case.to_json(), "current_component_id": "Evaluator"},
    )
    return blessing, Metrics.read(output / "evaluation"), Verdict.read(output / "evaluation")


def number(figure: float | None) -> float:
    assert figure is not None
    return figure


def test_better_candidate_is_blessed_against_production(shop: Path, tmp_path: Path) -> None:
    from tfx.components.util import model_utils

    blessing, metrics, verdict = evaluate(shop, tmp_path, shop_use_case(), "right", "wrong")

    assert verdict.verdict == "blessed"
    assert verdict.compared_with == "v7"
    skipped = [check.name for check in verdict.checks if not check.passed]
    assert skipped == ["value against the reference", "unsubscribes"]
    assert metrics.overall.reference is None
    assert verdict.checks[-1].detail == "skipped: the log holds no unsubscribe"
    assert model_utils.is_model_blessed(blessing)
    assert (tmp_path / "blessing" / "BLESSED").is_file()
    assert blessing.get_string_custom_property("component_id") == "Evaluator"

    overall, candidate, production = metrics.overall, metrics.overall.candidate, metrics.overall.production
    assert production is not None
    assert (overall.rows, overall.rows_unknown_recommender) == (6000, 1)
    for estimator in ("ips", "snips", "dr"):
        for model, shift in ((candidate, 0), (production, 1)):
            found = model.serving_policy.values[estimator]
            assert found.value == pytest.approx(serving_value(shift), abs=4 * number(found.standard_error))
    gain, served, earlier = overall.difference, candidate.serving_policy, production.serving_policy
    assert gain.value == pytest.approx(
        serving_value(0) - serving_value(1), abs=4 * number(gain.standard_error)
    )
    # Both by production's estimates, where each value has its own model's.
    apart = number(served.values["dr"].value) - number(earlier.values["dr"].value)
    assert gain.value == pytest.approx(apart, abs=0.01)
    assert gain.value != apart
    assert served.weights.mean_weight == pytest.approx(1.0, abs=0.1)
    assert served.weights.max_weight == pytest.approx(2.6, abs=1e-5)
    assert number(candidate.auc) > 0.6 > number(production.auc)
    assert overall.logging_policy.click_rate == overall.logging_policy.value
    assert sum(number(one.logged_share) for one in overall.overlap.values()) == pytest.approx(1.0)

    assert sorted(metrics.slices) == ["colour=blue", "colour=green", "colour=red"]
    assert sum(one.rows for one in metrics.slices.values()) == 6000

    labels = [row.label for row in policy_values(metrics)]
    assert labels[:2] == ["logging policy", "production, serving policy"]
    # Two of three uniform choices, a fifth of all, are not the best.
    assert overall.explored_share == pytest.approx(2 / 3 * 0.2, abs=1e-6)
    check_reasons(Explanation.read(tmp_path / "evaluation"))


def check_reasons(found: Explanation) -> None:
    """The reasons of the model that knows the truth: it looks at the colour alone."""
    assert found.rows == 6000
    assert found.the_same_everywhere == ("weight", "member")
    colour, height = found.features
    # Another row's colour is the right one in a third of the cases.
    assert number(colour.changed) == pytest.approx(2 / 3, abs=0.02)
    worth = 0.8 * 2 / 3 * 0.4
    assert colour.loss.value == pytest.approx(worth, abs=4 * number(colour.loss.standard_error))
    assert 0.1 < number(colour.loss.low) < worth < number(colour.loss.high)
    assert (height.loss.value, height.loss.low, height.loss.high, height.changed) == (0.0, 0.0, 0.0, 0.0)

    tree = found.tree
    assert tree is not None
    assert (tree.agreement, tree.fitted + tree.held_out) == (1.0, 6000)
    assert number(tree.most_frequent) == pytest.approx(1 / 3, abs=0.05)
    assert isinstance(tree.rule.question, Question)
    assert tree.rule.question.feature == "colour"

    # Each recommender is some user's first; no feature but the colour moved any.
    assert len(found.users) == 10
    best = {"red": "a", "green": "b", "blue": "c"}
    typical = {one.typical for user in found.users for one in user.moved}
    assert len(typical) == 1
    for user in found.users:
        colour_of = str(user.features["colour"])
        assert user.ranking[0].recommender == best[colour_of]
        assert [round(one.score, 6) for one in user.ranking] == [0.6, 0.2, 0.2]
        assert [one.feature for one in user.moved] == ([] if colour_of in typical else ["colour"])
        assert user.features["member"] is None
    assert {user.ranking[0].recommender for user in found.users} == set("abc")


def test_worse_candidate_is_not_blessed(shop: Path, tmp_path: Path) -> None:
    from tfx.components.util import model_utils

    # The floor and drop of AUC are opened wide, so that the value alone decides.
    use_case = shop_use_case(min_auc=0.0, max_auc_drop=1.0)
    blessing, _, verdict = evaluate(shop, tmp_path, use_case, "wrong", "right")

    assert verdict.verdict == "not_blessed"
    assert {check.name for check in verdict.checks if check.passed is False} == {"value"}
    assert not model_utils.is_model_blessed(blessing)
    assert [path.name for path in (tmp_path / "blessing").iterdir()] == ["NOT_BLESSED"]


def test_a_candidate_as_good_as_production_is_held_to_an_earlier_version(shop: Path, tmp_path: Path) -> None:
    use_case = shop_use_case(min_auc=0.0)
    _, metrics, verdict = evaluate(shop, tmp_path, use_case, "wrong", "wrong", reference="right")

    assert (verdict.verdict, verdict.failed) == ("not_blessed", ("value against the reference",))
    assert (verdict.compared_with, verdict.reference) == ("v7", "v1")
    found = metrics.overall.reference
    assert found is not None
    assert found.value is not None
    assert found.value.value == pytest.approx(serving_value(0), abs=4 * number(found.value.standard_error))
    loss = serving_value(1) - serving_value(0)
    assert found.difference.value == pytest.approx(loss, abs=4 * number(found.difference.standard_error))
    assert metrics.overall.difference.value == 0.0
    assert [row.label for row in policy_values(metrics)][-2] == "candidate minus v1"


def test_few_rows_cannot_tell(shop: Path, tmp_path: Path) -> None:
    use_case = shop_use_case().model_copy(update={"explanation": ExplanationSettings(scored_rows=0)})
    blessing, metrics, verdict = evaluate(shop, tmp_path, use_case, "right", "none", examples="few")

    assert verdict.verdict == "cannot_tell"
    assert verdict.compared_with == "logging policy"
    assert verdict.checks[0].passed is False
    assert metrics.overall.production is None
    assert not (tmp_path / "evaluation" / Explanation.FILE).exists()
    assert blessing.get_int_custom_property("blessed") == 0
    assert (tmp_path / "blessing" / "NOT_BLESSED").is_file()


def make_pipeline(shop: Path, root: Path) -> Any:
    from tfx import v1 as tfx
    from tfx.orchestration.metadata import sqlite_metadata_connection_config

    from components.evaluator.component import Evaluator

    one_split = tfx.proto.Input(splits=[tfx.proto.Input.Split(name="eval", pattern="*")])
    examples = tfx.components.ImportExampleGen(
        input_base=str(shop / "examples" / "Split-eval"), input_config=one_split
    )
    model_type = tfx.types.standard_artifacts.Model
    candidate = tfx.dsl.Importer(source_uri=str(shop / "right"), artifact_type=model_type).with_id(
        "candidate"
    )
    production = tfx.dsl.Importer(source_uri=str(shop / "none"), artifact_type=model_type).with_id(
        "production"
    )
    reference = tfx.dsl.Importer(source_uri=str(shop / "none"), artifact_type=model_type).with_id("reference")
    evaluator = Evaluator(
        examples=examples.outputs["examples"],
        model=candidate.outputs["result"],
        production_model=production.outputs["result"],
        reference_model=reference.outputs["result"],
        use_case=shop_use_case(),
    )
    return tfx.dsl.Pipeline(
        pipeline_name="evaluation",
        pipeline_root=str(root),
        components=[examples, candidate, production, reference, evaluator],
        metadata_connection_config=sqlite_metadata_connection_config(str(root / "metadata.sqlite")),
        beam_pipeline_args=BEAM_ARGS,
    )


def test_first_model_in_a_pipeline(shop: Path, tmp_path: Path) -> None:
    from tfx import v1 as tfx

    tfx.orchestration.LocalDagRunner().run(make_pipeline(shop, tmp_path))

    (evaluation,) = tmp_path.glob("Evaluator/evaluation/*")
    verdict = Verdict.read(evaluation)
    assert (verdict.verdict, verdict.compared_with) == ("blessed", "logging policy")
    skipped = [check.name for check in verdict.checks if check.passed is None]
    assert skipped == ["AUC against production", "value against the reference", "unsubscribes"]
    assert len(list(tmp_path.glob("Evaluator/blessing/*/BLESSED"))) == 1


def test_compiles_for_vertex(shop: Path, tmp_path: Path) -> None:
    from tfx import v1 as tfx

    runner = tfx.orchestration.experimental.KubeflowV2DagRunner(
        config=tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(default_image="image"),
        output_filename=str(tmp_path / "pipeline.json"),
    )
    runner.run(make_pipeline(shop, tmp_path))

    spec = (tmp_path / "pipeline.json").read_text()
    assert "components.evaluator.executor.Executor" in spec
