"""The whole path on one machine: simulate, ingest, train, gate, publish, predict, store."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsletter_bandit.reports import Evidence
from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.settings.run_day import TrainingDays
from pipelines.cli.warehouse import rows_fingerprint
from pipelines.events import StepEvent
from pipelines.local.running import PredictionOutcome, TrainingOutcome, judged_before, predict, train
from pipelines.names import Pipeline
from pipelines.workspace import Workspace
from serving.ranking import FIELDS
from tests import vertex_run
from tests.local_files import rankings_file, warehouse_file

pytestmark = pytest.mark.pipeline

ROOT = Path(__file__).parents[2]
RUN_DATE = dt.date(2026, 11, 23)
NEWSLETTERS, USERS = 60_000, 1_500


@dataclass
class Run:
    """A workspace after one training and one prediction."""

    workspace: Workspace
    training: TrainingOutcome
    prediction: PredictionOutcome
    events: list[StepEvent]

    @property
    def current(self) -> str:
        pointer = Path(self.workspace.environment.registry) / "newsletter" / "CURRENT"
        return str(json.loads(pointer.read_text())["version"])

    def rankings(self) -> dict[str, tuple[Any, ...]]:
        with sqlite3.connect(rankings_file(self.workspace.environment)) as connection:
            rows = connection.execute("SELECT * FROM rankings ORDER BY user_id").fetchall()
        return {row[0]: row for row in rows}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from newsletter_bandit.simulation.traffic import INFERENCE_FILE, TRAINING_FILE, simulate, write
    from newsletter_bandit.warehouse.ingest import ingest

    workdir = tmp_path_factory.mktemp("newsletter")
    path = ROOT / "configs" / "newsletter.yaml"
    use_case = load_use_case(path)
    environment = load_environment(ROOT / "configs" / "environments" / "local.yaml").in_workdir(
        workdir, use_case
    )
    write(workdir / "raw", *simulate(use_case, NEWSLETTERS, USERS, RUN_DATE, seed=7))
    warehouse = warehouse_file(environment)
    ingest(warehouse, use_case, "training", [workdir / "raw" / TRAINING_FILE])
    ingest(warehouse, use_case, "inference", [workdir / "raw" / INFERENCE_FILE])

    workspace = Workspace(use_case, path, environment, workdir)
    events: list[StepEvent] = []
    days = TrainingDays.of(use_case, RUN_DATE)
    training = train(workspace, days, events.append, rows=rows_fingerprint(workspace, days.window))
    prediction = predict(workspace, RUN_DATE, events.append)
    return Run(workspace, training, prediction, events)


def test_each_step_reports_what_it_produced(run: Run) -> None:
    finished = [event for event in run.events if event.state == "finished"]
    assert [event.step for event in finished if event.step in ("Trainer", "PredictionStorer")] == [
        "Trainer",
        "PredictionStorer",
    ]
    details = {event.step: event.detail for event in finished}
    assert "boltzmann" in details["Trainer"]
    assert details["PredictionStorer"].startswith(f"{USERS:,} rankings stored")
    assert not [event for event in run.events if event.state == "failed"]


def test_each_run_writes_down_what_it_read_and_cost(run: Run) -> None:
    paths = sorted((run.workspace.workdir / "runs").glob("newsletter-training-*.json"))
    report = json.loads(paths[0].read_text())
    assert (report["succeeded"], report["run_date"], report["reads"]) == (True, RUN_DATE.isoformat(), None)
    steps = {step["step"]: step for step in report["steps"]}
    rows = steps["StatisticsGen"]
    assert rows["train_rows"] + rows["eval_rows"] == NEWSLETTERS
    assert steps["Trainer"]["rows"] == rows["train_rows"]
    assert steps["DuckDBExampleGen"]["bytes_written"] > 1e6
    assert 0 < steps["Trainer"]["seconds"] < report["seconds"]
    first = sorted((run.workspace.workdir / "runs").glob("newsletter-prediction-*.json"))[0]
    stored = json.loads(first.read_text())["steps"][-1]
    assert (stored["users_read"], stored["users_stored"], stored["users_rejected"]) == (USERS, USERS, 0)


def test_the_first_model_is_blessed_and_published(run: Run) -> None:
    assert run.training.verdict.verdict == "blessed"
    assert run.training.verdict.compared_with == "logging policy"
    assert run.training.publication.version == run.current
    # It was the first look at these rows, and a second one would say nothing new.
    assert run.training.verdict.looks == 1
    days = TrainingDays.of(run.workspace.use_case, RUN_DATE)
    look = judged_before(run.workspace, days, rows_fingerprint(run.workspace, days.window))
    assert look is not None
    assert (look.outcome, look.version) == ("published", run.current)
    version = Path(run.workspace.environment.registry) / "newsletter" / run.current
    names = (
        "metrics.json",
        "decision.json",
        "verdict.json",
        "use_case.json",
        "drift.json",
        "statistics.json",
    )
    for name in names:
        assert json.loads((version / name).read_text()), name
    assert run.training.drift.words == "nothing to compare with: no model is in production yet"


def test_the_version_has_a_card_of_what_it_learned_from(run: Run) -> None:
    version = Path(run.workspace.environment.registry) / "newsletter" / run.current
    card = (version / "model_card.md").read_text()
    statistics = json.loads((version / "statistics.json").read_text())
    assert f"| Newsletters | {statistics['rows']:,} |" in card
    assert not re.search(r"unknown \|$", card, re.MULTILINE)  # of each feature it says what the rows hold
    assert list(statistics["features"]) == list(run.workspace.use_case.features)
    ages = statistics["features"]["age"]["buckets"]
    # Hundredths of the rows; ages are whole, and those of one age are one bucket.
    assert 20 < len(ages) <= 100
    assert f"newsletter-bandit models rollback {run.current}" in card


def test_every_user_has_one_ranking_of_all_eligible_recommenders(run: Run) -> None:
    rankings = run.rankings()
    assert run.prediction.stored == len(rankings) == USERS
    assert run.prediction.rejected == 0


def test_the_page_of_the_day_counts_what_was_stored(run: Run) -> None:
    day, columns = run.prediction.day, [field.name for field in FIELDS]
    # A row ends with its checksum.
    stored = [dict(zip(columns, row[:-1], strict=True)) for row in run.rankings().values()]
    firsts = Counter(json.loads(ranking["recommenders"])[0] for ranking in stored)
    assert {place.recommender: place.users for place in day.first} == firsts
    explored = Counter(json.loads(row["recommenders"])[0] for row in stored if row["explored"])
    assert {place.recommender: place.explored for place in day.first if place.explored} == explored
    scores = [json.loads(ranking["scores"])[0] for ranking in stored]
    ends = day.scores.start + day.scores.width * np.arange(len(day.scores.users) + 1)
    assert np.histogram(scores, ends)[0].tolist() == list(day.scores.users)
    for place in day.first:
        own = [row for row in stored if json.loads(row["recommenders"])[0] == place.recommender]
        middle = np.quantile([json.loads(row["scores"])[0] for row in own], 0.5, method="inverted_cdf")
        assert place.median == pytest.approx(middle, abs=0.001), place.recommender
    assert (day.before, day.snapshot, day.run_date) == (None, RUN_DATE, RUN_DATE)
    assert day.trained_until == run.training.window[1] - dt.timedelta(days=1)
    assert day.store is not None
    assert day.store.rankings == USERS
    by_feature = Counter[str]()
    for group in day.groups:
        by_feature[group.feature] += group.total
        assert group.total >= run.workspace.use_case.storing.min_group_users
    assert by_feature == dict.fromkeys(run.workspace.use_case.slices, USERS)
    page = run.prediction.report.read_text()
    assert run.prediction.report.parent.name == "runs"
    assert f"{USERS:,} users have a ranking for 23 November 2026" in page
    assert "How long it took" in page
    assert not any(user in page for user in run.rankings())


def test_the_served_policy_beats_the_best_single_recommender(run: Run) -> None:
    from newsletter_bandit.simulation.traffic import WORLD_FILE
    from newsletter_bandit.simulation.truth import first_slots, policy_values
    from newsletter_bandit.simulation.world import World
    from serving.stores.sqlite import SQLiteStore

    world = World.load(run.workspace.workdir / "raw" / WORLD_FILE)
    store = SQLiteStore(rankings_file(run.workspace.environment))
    users = world.everyone[:USERS]
    rankings = store.get_many(world.user_ids(users))
    served = first_slots(world, users, {user: list(r.recommenders) for user, r in rankings.items()})
    values = policy_values(world, users, RUN_DATE, served)
    assert values.best_single < values.served < values.oracle


def test_two_runs_of_a_day_give_identical_rankings(run: Run) -> None:
    before = run.rankings()
    predict(run.workspace, RUN_DATE, lambda _: None)
    assert run.rankings() == before


def compiled_for_vertex(
    run: Run, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, **changes: Any
) -> tuple[Workspace, dict[str, Any]]:
    """The pipeline as Vertex AI gets it, whose steps run on this machine."""
    from pipelines.cloud import compiling

    vertex = load_environment(ROOT / "configs" / "environments" / "vertex.yaml").vertex
    assert vertex is not None
    # The tables here were loaded, not built.
    vertex = vertex.model_copy(update={"build_tables": False})
    environment = run.workspace.environment.model_copy(update={"vertex": vertex, **changes})
    # What it refuses is a place that another machine could not reach; the steps run on this one.
    monkeypatch.setattr(compiling, "check", lambda environment: environment.vertex)
    workspace = dataclasses.replace(run.workspace, environment=environment)
    return workspace, compiling.compiled(workspace, pipeline)


def test_the_compiled_pipeline_stores_the_same_rankings(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through TFX's entry point for Vertex AI's steps: day, version and splits must reach each of them."""
    store = run.workspace.environment.store.model_copy(update={"path": str(tmp_path / "rankings.sqlite")})
    workspace, spec = compiled_for_vertex(run, Pipeline.PREDICTION, monkeypatch, store=store)
    steps = vertex_run.run(spec, {"run_date": RUN_DATE.isoformat()}, tmp_path / "steps")
    assert steps[-2:] == ["BulkInferrer", "PredictionStorer"]
    assert dataclasses.replace(run, workspace=workspace).rankings() == run.rankings()


def test_the_compiled_training_does_not_train_again_on_rows_that_were_judged(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, spec = compiled_for_vertex(run, Pipeline.TRAINING, monkeypatch)
    looks = Path(run.workspace.environment.registry) / "newsletter" / "looks.json"
    before = looks.read_bytes()
    # Two days later the window is the same one.
    for number, day in enumerate((RUN_DATE, RUN_DATE + dt.timedelta(days=2))):
        parameters = {"run_date": day.isoformat(), "again": ""}
        assert vertex_run.run(spec, parameters, tmp_path / str(number)) == ["RepeatGuard"]
        report = (tmp_path / str(number) / "RepeatGuard" / "check" / "report.txt").read_text()
        assert report.startswith("Not trained again: a model of 2026-")
    assert looks.read_bytes() == before


@pytest.mark.slow
def test_the_compiled_training_trains_once(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step of the compiled training, under its condition; then the look that it left."""
    registry = {"registry": str(tmp_path / "registry"), "pipeline_root": str(tmp_path / "root")}
    workspace, spec = compiled_for_vertex(run, Pipeline.TRAINING, monkeypatch, **registry)
    parameters = {"run_date": RUN_DATE.isoformat(), "again": ""}
    steps = vertex_run.run(spec, parameters, tmp_path / "first")
    assert len(steps) == len(spec["pipelineSpec"]["root"]["dag"]["tasks"])
    assert (steps[0], steps[-1]) == ("RepeatGuard", "PushingFinalizer")
    (card,) = (tmp_path / "registry" / "newsletter").glob("*/model_card.md")
    assert "Drift: nothing to compare with" in card.read_text()
    days = TrainingDays.of(workspace.use_case, RUN_DATE)
    look = judged_before(workspace, days, rows_fingerprint(workspace, days.window))
    assert look is not None
    assert look.outcome == "published"
    # The page knows as much of the window as one that is made on this machine.
    found = Evidence.read(tmp_path / "first" / "PushingFinalizer" / "publication")
    assert found.log is not None
    assert found.log.newsletters == sum(found.log.days) == sum(found.log.propensities) == NEWSLETTERS
    assert found.explanation is not None
    assert {one.feature for one in found.explanation.features} == set(workspace.use_case.features)
    assert vertex_run.run(spec, parameters, tmp_path / "second") == ["RepeatGuard"]


@pytest.mark.slow
def test_a_prediction_that_was_killed_can_be_rerun(run: Run) -> None:
    """After a SIGKILL, readers still see the old rankings, and a rerun leaves one ranking per user."""
    before = run.rankings()
    workdir = run.workspace.workdir
    command = [sys.executable, "-m", "pipelines.cli.main", "predict", "--run-date", RUN_DATE.isoformat()]
    process = subprocess.Popen(
        [*command, "--workdir", str(workdir)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "BulkInferrer" in line:
                break
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    assert run.rankings() == before
    outcome = predict(run.workspace, RUN_DATE, lambda _: None)
    assert outcome.stored == USERS
    assert run.rankings() == before


# In short: tests/trainer/test_trained_model.py.
@pytest.mark.slow
def test_the_registrys_model_ranks_without_the_project(run: Run, tmp_path: Path) -> None:
    import tensorflow as tf

    copy = tmp_path / "model"
    registry = Path(run.workspace.environment.registry) / "newsletter" / run.current
    shutil.copytree(registry / "model" / "Format-Serving", copy)
    row = tf.train.Example()
    row.features.feature["user_id"].bytes_list.value.append(b"someone new")
    (tmp_path / "example").write_bytes(row.SerializeToString())
    program = (
        "import sys, tensorflow as tf\n"
        "sys.path = [p for p in sys.path if p]\n"
        "for name in ('components', 'pipelines', 'serving', 'tf_agents', 'tensorflow_transform', 'tfx'):\n"
        "    sys.modules[name] = None\n"
        "model = tf.saved_model.load(sys.argv[1])\n"
        "example = tf.constant([open(sys.argv[2], 'rb').read()])\n"
        "answer = model.signatures['serving_default'](examples=example)\n"
        "print(answer['user_id'].numpy()[0, 0].decode(), len(set(answer['recommenders'].numpy()[0])))\n"
    )
    command = [sys.executable, "-c", program, str(copy), str(tmp_path / "example")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "someone new 12"


def in_train_split(user_id: str, eval_share: float) -> bool:
    """True if the user is in ExampleGen's training split.

    TFX hashes the serialized feature into 100 buckets, of which the first are for training.
    """
    import tensorflow as tf

    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[user_id.encode()]))
    digest = hashlib.sha256(feature.SerializeToString(deterministic=True)).hexdigest()
    return int(digest, 16) % 100 < round(100 * (1 - eval_share))


@pytest.fixture
def shuffled(run: Run, tmp_path: Path) -> Workspace:
    """The same workspace over a warehouse in which the training users' outcomes are dealt out at random."""
    import duckdb

    source = warehouse_file(run.workspace.environment)
    copy, dealt = tmp_path / "warehouse.duckdb", tmp_path / "dealt.parquet"
    shutil.copy(source, copy)
    share = run.workspace.use_case.eval_share
    with duckdb.connect(str(copy)) as connection:
        rows = connection.execute("SELECT * FROM newsletter.training").to_arrow_table()
        users = rows.column("user_id").to_pylist()
        split = {user: in_train_split(user, share) for user in set(users)}
        positions = np.flatnonzero([split[user] for user in users])
        order = np.arange(rows.num_rows)
        order[positions] = np.random.default_rng(0).permutation(positions)
        for name in ("clicked", "unsubscribed"):
            outcome = rows.column(name).take(pa.array(order))
            rows = rows.set_column(rows.schema.get_field_index(name), name, outcome)
        pq.write_table(rows, dealt)
        connection.execute("DELETE FROM newsletter.training")
        connection.execute(f"INSERT INTO newsletter.training BY NAME SELECT * FROM read_parquet('{dealt}')")
    warehouse = run.workspace.environment.warehouse.model_copy(update={"path": str(copy)})
    environment = run.workspace.environment.model_copy(update={"warehouse": warehouse})
    return dataclasses.replace(run.workspace, environment=environment)


# In short: tests/evaluator/test_evaluator_component.py, tests/pushing_finalizer/test_publishing_pipeline.py.
@pytest.mark.slow
def test_a_worse_model_is_not_blessed_and_serving_is_unchanged(run: Run, shuffled: Workspace) -> None:
    before = run.current, run.rankings()
    outcome = train(shuffled, TrainingDays.of(shuffled.use_case, RUN_DATE), lambda _: None)
    assert outcome.verdict.verdict != "blessed"
    assert outcome.verdict.compared_with == run.current
    # Outcomes were dealt out anew, features were not.
    assert outcome.drift.words == f"none of 12 features beyond its bound since {run.current} was trained"
    assert {feature.distance for feature in outcome.drift.features} == {0.0}
    assert [check.name for check in outcome.verdict.checks if check.passed is False]
    assert outcome.publication.outcome == "not_blessed"
    assert (run.current, run.rankings()) == before
