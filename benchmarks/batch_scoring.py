"""Batch scoring: this project's BulkInferrer step beside TFX's own, on the same examples and the same
published model.

Measured is the executor's whole work: loading the model, Beam, scoring and writing; neither side's imports.
TFX's own is set up to write the same columns as tf.Examples (`output_example_spec`). Afterwards the two
outputs are compared row by row.

    python -m benchmarks.batch_scoring [--users 50000] [--more 200000] [--rounds 3] [--workdir DIR]
                                       [--json FILE]
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console

from benchmarks import batch_work, measuring
from benchmarks.measuring import Side, Target, clock, tell
from components.bulk_inferrer.schema import SCHEMA
from newsletter_bandit.registry import Registry
from pipelines.cli import runtime_defaults

RATE = 20_000.0
_BEAM = ["--runner=FnApiRunner", "--sdk_container_image=none"]


def run(side: str, folder: Path) -> None:
    """One side; what it wrote stays in the folder named after it."""
    from tfx import v1 as tfx
    from tfx.components.bulk_inferrer.executor import Executor as TFXExecutor
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.types import standard_artifacts

    from components.bulk_inferrer.component import SPLIT, BulkInferrer
    from components.bulk_inferrer.executor import Executor
    from newsletter_bandit.exported_model import SERVING_DEFAULT

    users, model, output = (
        standard_artifacts.Examples(),
        standard_artifacts.Model(),
        standard_artifacts.Examples(),
    )
    users.uri, users.split_names = str(folder / "examples"), json.dumps([SPLIT])
    users.set_string_custom_property("run_date", batch_work.DAY.isoformat())
    registry = Registry(batch_work.settings(folder)[1].registry, "newsletter")
    model.uri = registry.current_model_uri()
    model.set_string_custom_property("version", registry.require_current())
    shutil.rmtree(folder / side, ignore_errors=True)
    output.uri = str(folder / side)
    channels = (
        tfx.dsl.Channel(type=standard_artifacts.Examples),
        tfx.dsl.Channel(type=standard_artifacts.Model),
    )
    if side == "ours":
        component, executor = BulkInferrer(*channels, batch_work.settings(folder)[0]), Executor
    else:
        # It adds to the example, which holds the other columns already and may not gain them twice.
        columns = [
            tfx.proto.PredictOutputCol(output_key=name, output_column=name)
            for name in SCHEMA.names
            if name not in ("user_id", "campaign")
        ]
        component, executor = (
            tfx.components.BulkInferrer(
                *channels,
                data_spec=tfx.proto.DataSpec(example_splits=[SPLIT]),
                model_spec=tfx.proto.ModelSpec(model_signature_name=[SERVING_DEFAULT]),
                output_example_spec=tfx.proto.OutputExampleSpec(
                    output_columns_spec=[
                        tfx.proto.OutputColumnsSpec(
                            predict_output=tfx.proto.PredictOutput(output_columns=columns)
                        )
                    ]
                ),
            ),
            TFXExecutor,
        )
    context = BaseBeamExecutor.Context(beam_pipeline_args=_BEAM, tmp_dir=str(folder / "tmp"))
    with clock() as whole:
        executor(context).Do(
            {"examples": [users], "model": [model]},
            {"output_examples": [output]},
            component.exec_properties,
        )
    tell(int(folder.name.rpartition("-")[2]), whole["seconds"])


def make_examples(folder: Path) -> None:
    """The users as ExampleGen writes them."""
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.types import standard_artifacts

    from components.example_gen.component import make_example_gen
    from newsletter_bandit.warehouse.queries import inference_query

    if (folder / "examples").is_dir():
        return
    use_case, environment = batch_work.settings(folder)
    query = inference_query(use_case, environment.warehouse)
    day = batch_work.DAY.isoformat()
    component = make_example_gen(use_case, environment.warehouse, query, "inference", day)
    examples = standard_artifacts.Examples()
    examples.uri = str(folder / "examples")
    context = BaseBeamExecutor.Context(beam_pipeline_args=_BEAM, tmp_dir=str(folder / "tmp"))
    executor: Any = component.executor_spec.executor_class(context)
    executor.Do({}, {"examples": [examples]}, dict(component.exec_properties))


def differences(folder: Path) -> int:
    """Users whose row differs between the two sides, or is missing in one."""
    ours, theirs = _ours(folder / "ours"), _tfx(folder / "tfx")
    return sum(ours.get(user) != theirs.get(user) for user in ours.keys() | theirs.keys())


def _ours(folder: Path) -> dict[bytes, dict[str, list[Any]]]:
    from components.bulk_inferrer.files import read_predictions

    files = sorted(folder.glob("Split-*/*"))
    table = pa.Table.from_batches([batch for file in files for batch in read_predictions(str(file))])
    rows = table.to_pylist()
    if len({row["user_id"] for row in rows}) != len(rows):
        raise AssertionError("found a user twice")
    return {
        row["user_id"]: {name: value if isinstance(value, list) else [value] for name, value in row.items()}
        for row in rows
    }


def _tfx(folder: Path) -> dict[bytes, dict[str, list[Any]]]:
    import tensorflow as tf

    files = [str(file) for file in sorted(folder.glob("Split-*/*"))]
    found = {}
    for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        row = {
            name: list(getattr(features[name], features[name].WhichOneof("kind")).value)
            for name in SCHEMA.names
        }
        found[row["user_id"][0]] = row
    return found


def main() -> None:
    """Prints the table; see the module."""
    runtime_defaults.apply()
    if len(sys.argv) == 3 and sys.argv[1] in ("ours", "tfx"):
        run(sys.argv[1], Path(sys.argv[2]))
        return
    parser = measuring.parser(__doc__)
    parser.add_argument("--users", type=int, default=50_000, help="that both sides score")
    parser.add_argument("--more", type=int, nargs="*", default=[200_000], help="that our side scores besides")
    batch_work.add_option(parser)
    options = parser.parse_args()
    out = Console()
    with batch_work.work_folder(options.workdir) as workdir:
        sides = []
        for users, names in [(options.users, ("tfx", "ours")), *((more, ("ours",)) for more in options.more)]:
            folder = batch_work.users_folder(workdir, users)
            make_examples(folder)
            labels = {"tfx": "TFX's BulkInferrer", "ours": "ours"}
            sides += [
                Side(f"{labels[name]}, {users:,}", measuring.this_module("batch_scoring", name, folder))
                for name in names
            ]
        measured = measuring.in_turn(sides, options.rounds, out)
        different = differences(workdir / f"users-{options.users}")
    theirs, ours, *_ = measured
    largest = measured[-1]
    out.print(measuring.table("Batch scoring, the whole step", measured, against=theirs, unit="users"))
    out.print(f"{options.users:,} users on both sides: {different} rows differ.")
    if different:
        raise AssertionError(f"found {different} rows that differ; allowed: 0")
    slowest = largest.rows / max(largest.seconds)
    target = Target(
        f"{largest.rows:,} users through the step, the slowest round",
        f"at least {RATE:,.0f} users/s",
        f"{slowest:,.0f} users/s",
        slowest >= RATE,
    )
    figures = {
        "sides": {one.name: one.to_json() for one in measured},
        "different_rows": different,
        "times_tfx": ours.ratios(theirs),
    }
    measuring.finish(out, options.json, figures, [target])


if __name__ == "__main__":
    main()
