"""DuckDBExampleGen in Beam's in-process runner, the choice of ExampleGen, and both compiled for Vertex."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from components.example_gen.partition import split_of
from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.environment import BigQueryWarehouse, DuckDBWarehouse
from newsletter_bandit.settings.run_day import run_day
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.ingest import ingest
from newsletter_bandit.warehouse.queries import (
    inference_query,
    render_inference_query,
    render_training_query,
    training_query,
)
from tests.in_process import BEAM_ARGS
from tests.raw_rows import write_csv

START, END = dt.date(2024, 1, 8), dt.date(2024, 2, 5)
ROWS, USERS = 400, 150


@pytest.fixture
def warehouse(tmp_path: Path, use_case: UseCase) -> DuckDBWarehouse:
    """400 newsletters to 150 users, and the users."""
    rows = [
        {
            "user_id": f"user-{number % USERS}",
            "sent_at": f"2024-01-{10 + number // USERS} 08:00:00",
            "recommender": "abc"[number % 3],
            "clicked": "01"[number % 4 == 0],
            "eligible_recommenders": "a|b|c" if number % 5 == 0 else "",
            "height": "" if number % 7 == 0 else f"{number}.5",
        }
        for number in range(ROWS)
    ]
    path = tmp_path / "w.duckdb"
    ingest(path, use_case, "training", [write_csv(tmp_path / "training.csv", *rows)])
    ingest(path, use_case, "inference", [write_csv(tmp_path / "users.csv", *rows[:USERS])])
    return DuckDBWarehouse(kind="duckdb", path=str(path))


def _run(component: Any, output: Path) -> dict[str, list[Any]]:
    """Runs the executor as the launcher does; the examples of each split."""
    import tensorflow as tf
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.types import standard_artifacts

    artifact = standard_artifacts.Examples()
    artifact.uri = str(output)
    context = BaseBeamExecutor.Context(beam_pipeline_args=BEAM_ARGS)
    executor = component.executor_spec.executor_class(context)
    executor.Do({}, {"examples": [artifact]}, dict(component.exec_properties))
    return {
        name: [
            tf.train.Example.FromString(record)
            for record in tf.data.TFRecordDataset(
                [str(file) for file in sorted((output / f"Split-{name}").iterdir())], compression_type="GZIP"
            ).as_numpy_iterator()
        ]
        for name in json.loads(artifact.split_names)
    }


def test_users_are_split_and_types_are_those_of_the_contract(
    tmp_path: Path, use_case: UseCase, warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.example_gen import executor
    from components.example_gen.component import make_example_gen

    # Several files per split.
    monkeypatch.setattr(executor, "ROWS_PER_FILE", 128)
    query = render_training_query(use_case, warehouse, START, END)
    splits = _run(make_example_gen(use_case, warehouse, query, "train_eval"), tmp_path / "out")

    assert list(splits) == ["train", "eval"]
    for index, examples in enumerate(splits.values()):
        users = [example.features.feature["user_id"].bytes_list.value[0] for example in examples]
        assert {split_of(user, [80, 100]) for user in users} == {index}
    found = sorted(_values(example) for examples in splits.values() for example in examples)
    assert len(found) == ROWS
    with duckdb.connect(warehouse.path, read_only=True) as connection:
        expected = connection.execute(
            "SELECT user_id, date_diff('day', joined, sent_at::DATE), clicked::INT, recommender, height "
            "FROM w.tiny.training"
        ).fetchall()
    assert found == sorted(_plain(row) for row in expected)

    kinds = {
        name: feature.WhichOneof("kind")
        for examples in splits.values()
        for example in examples
        for name, feature in example.features.feature.items()
        if feature.WhichOneof("kind")
    }
    strings = ["user_id", "campaign", "recommender", "policy_version", "eligible_recommenders", "colour"]
    assert kinds == {
        **dict.fromkeys(strings, "bytes_list"),
        **dict.fromkeys(["propensity", "reward", "height", "joined"], "float_list"),
        **dict.fromkeys(["clicked", "unsubscribed", "member"], "int64_list"),
    }


def test_the_inference_split_holds_every_user_once(
    tmp_path: Path, use_case: UseCase, warehouse: DuckDBWarehouse
) -> None:
    from components.example_gen.component import make_example_gen

    query = render_inference_query(use_case, warehouse, START)
    splits = _run(make_example_gen(use_case, warehouse, query, "inference"), tmp_path / "out")
    assert list(splits) == ["inference"]
    users = [example.features.feature["user_id"].bytes_list.value[0] for example in splits["inference"]]
    assert sorted(users) == sorted(f"user-{number}".encode() for number in range(USERS))
    assert "recommender" not in splits["inference"][0].features.feature


def test_an_empty_window_or_split_is_refused(
    tmp_path: Path, use_case: UseCase, warehouse: DuckDBWarehouse
) -> None:
    from components.example_gen.component import make_example_gen

    later = render_training_query(use_case, warehouse, dt.date(2025, 1, 6), dt.date(2025, 2, 3))
    with pytest.raises(DataError, match=r"tiny\.training holds no rows where .*2025-01-06.*2025-02-03"):
        _run(make_example_gen(use_case, warehouse, later, "train_eval"), tmp_path / "out")

    one = f"SELECT user_id FROM `{use_case.tables.training}` WHERE user_id = 'user-1'"
    empty = "eval" if split_of(b"user-1", [80, 100]) == 0 else "train"
    with pytest.raises(
        DataError, match=f"leave the split '{empty}' empty; allowed: enough different user_id"
    ):
        _run(make_example_gen(use_case, warehouse, one, "train_eval"), tmp_path / "one")


def test_a_run_that_takes_its_day_when_it_starts_refuses_a_table_of_long_ago(
    tmp_path: Path, use_case: UseCase, warehouse: DuckDBWarehouse
) -> None:
    from components.example_gen.component import make_example_gen

    # The newsletters are of January 2024, and the users were loaded today.
    ahead = use_case.freshness.model_copy(update={"max_days_ahead": 60})
    use_case = use_case.model_copy(update={"freshness": ahead})
    training, later = training_query(use_case, warehouse), run_day() + dt.timedelta(days=60)
    with pytest.raises(DataError, match=r"no newsletter of the window .* the newest before is of 2024-01-12"):
        _run(make_example_gen(use_case, warehouse, training, "train_eval", "2025-02-20"), tmp_path / "out")
    inference = inference_query(use_case, warehouse)
    with pytest.raises(
        DataError, match=r"tiny\.inference: its users are those of .*, 60 days before the run"
    ):
        _run(make_example_gen(use_case, warehouse, inference, "inference", f"{later}"), tmp_path / "out")
    _run(make_example_gen(use_case, warehouse, inference, "inference"), tmp_path / "out")


def test_the_setting_chooses_the_example_gen_and_both_compile_for_vertex(
    tmp_path: Path, use_case: UseCase
) -> None:
    from tfx import v1 as tfx
    from tfx.extensions.google_cloud_big_query.example_gen.component import BigQueryExampleGen

    from components.example_gen.component import DuckDBExampleGen, make_example_gen

    duck = DuckDBWarehouse(kind="duckdb", path="w.duckdb")
    big = BigQueryWarehouse(kind="bigquery", project="my-project")
    compiled = {}
    for warehouse, kind in ((duck, DuckDBExampleGen), (big, BigQueryExampleGen)):
        query = render_training_query(use_case, warehouse, START, END)
        component = make_example_gen(use_case, warehouse, query, "train_eval")
        assert type(component) is kind
        output = tmp_path / f"{kind.__name__}.json"
        runner = tfx.orchestration.experimental.KubeflowV2DagRunner(
            config=tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(default_image="image"),
            output_filename=str(output),
        )
        runner.run(tfx.dsl.Pipeline(pipeline_name="p", pipeline_root=str(tmp_path), components=[component]))
        compiled[kind] = output.read_text()
        assert "sent from 2024-01-08 to before 2024-02-05" in compiled[kind]
        assert "hash_buckets" in compiled[kind]
    assert "components.example_gen.executor.Executor" in compiled[DuckDBExampleGen]
    assert "w.duckdb" in compiled[DuckDBExampleGen]


def _values(example: Any) -> tuple[str, ...]:
    features = example.features.feature
    height = features["height"].float_list.value
    return _plain(
        (
            features["user_id"].bytes_list.value[0].decode(),
            features["joined"].float_list.value[0],
            features["clicked"].int64_list.value[0],
            features["recommender"].bytes_list.value[0].decode(),
            height[0] if height else None,
        )
    )


def _plain(row: tuple[Any, ...]) -> tuple[str, ...]:
    user, days, clicked, recommender, height = row
    return (user, f"{days:.0f}", str(clicked), recommender, "" if height is None else f"{height:.1f}")
