"""The container's programs in its virtual environment, outside the checkout.

These are the command line, a step as Vertex AI starts it, a Beam worker as its boot starts it, and both
pipelines.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from newsletter_bandit.settings.release import Release
from pipelines.cloud import step
from tests.deploy.image_environment import ROOT, Image

pytestmark = pytest.mark.slow

# Prints where each package is imported from, and what is on the search path.
WHERE = """
import json, sys
import components, newsletter_bandit, pipelines, serving
names = ("components", "pipelines", "serving", "newsletter_bandit")
packages = {name: list(sys.modules[name].__path__) for name in names}
print(json.dumps({"packages": packages, "path": sys.path}))
"""

# PredictionStorer's graph; its stages run in a process that is started as Beam's boot starts one on a worker.
WORKER = """
import datetime as dt, sys
import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment
from components.bulk_inferrer.files import PredictionsWriter
from components.bulk_inferrer.schema import SCHEMA
from components.prediction_storer.post_process import Stamp
from components.prediction_storer.transforms import StorePredictions
from newsletter_bandit.settings.environment import SQLiteStore
from serving.stores.sqlite import SQLiteStore as Rankings

folder = sys.argv[1]
Rankings(folder + "/rankings.sqlite").close()
ranking = dict(
    campaign=b"monday", recommenders=[b"refill", b"deals"], scores=[0.5, 0.25], propensities=[0.925, 1.0],
    explored=0, expires_after_days=3,
)
rows = [dict(ranking, user_id=f"user-{number}".encode()) for number in range(100)]
worker = SubprocessSDKEnvironment(f"{sys.executable} -m apache_beam.runners.worker.sdk_worker_main")
with PredictionsWriter(folder + "/predictions.parquet") as writer:
    writer.write(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))
with beam.Pipeline(runner=FnApiRunner(worker), options=PipelineOptions([])) as pipeline:
    pipeline | beam.Create([folder + "/predictions.parquet"]) | StorePredictions(
        ("refill", "deals"),
        Stamp("7", dt.datetime(2026, 3, 2, tzinfo=dt.UTC), "newsletter"),
        SQLiteStore(kind="sqlite", path=folder + "/rankings.sqlite"),
        0.0,
        folder + "/dead_letters.jsonl",
        folder + "/counts.json",
    )
"""


def test_the_wheel_is_whole_and_leads_nowhere_else(image: Image) -> None:
    done = image.run("python", "-c", WHERE)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for paths in found["packages"].values():
        (path,) = paths
        assert path.startswith(str(image.environment))
    assert not [path for path in found["path"] if path.startswith(str(ROOT))]


def test_the_command_line_answers(image: Image) -> None:
    done = image.run("newsletter-bandit", "--help")
    assert done.returncode == 0, done.stderr
    assert "predict" in done.stdout


def test_beam_boot_finds_beam(image: Image) -> None:
    # It asks pip by this command, and ends the worker where the answer is no.
    done = image.run("python", "-m", "pip", "show", "apache-beam")
    assert done.returncode == 0, done.stderr
    assert f"Version: {metadata.version('apache-beam')}" in done.stdout


def test_everything_imports_without_what_is_pruned(image: Image) -> None:
    done = image.run("python", "-W", "ignore", ROOT / "deploy" / "image" / "imports.py", "project")
    assert done.returncode == 0, done.stderr[-3000:]


def test_tensorflow_brings_its_own_cloud_storage(image: Image) -> None:
    # What is pruned with tensorflow-io-gcs-filesystem is an alternative to it.
    program = "import tensorflow as tf; print(tf.io.gfile.get_registered_schemes())"
    done = image.run("python", "-W", "ignore", "-c", program)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "'gs'" in done.stdout


def test_a_step_as_vertex_starts_it(image: Image, tmp_path: Path) -> None:
    content = image.run(
        "python",
        "-c",
        "from pathlib import Path; from newsletter_bandit.settings.reading import load_use_case; "
        "from components.hyperparameters_gen.hyperparameters import hyperparameters, to_json; "
        "print(to_json(hyperparameters(load_use_case(Path('configs/newsletter.yaml')))))",
    )
    assert content.returncode == 0, content.stderr
    output_file = tmp_path / "task" / "executor_output.json"
    invocation = {
        "inputs": {"parameterValues": {"content": content.stdout}},
        "outputs": {
            "artifacts": {
                "hyperparameters": {
                    "artifacts": [
                        {
                            "name": "hyperparameters",
                            "type": {"schemaTitle": "tfx.HyperParameters"},
                            "uri": str(tmp_path / "hyperparameters"),
                        }
                    ]
                }
            },
            "outputFile": str(output_file),
        },
    }
    parameters = {"content": {"parameterType": "STRING"}}
    done = image.run(
        *step.command(Release.installed()),
        *("--executor_class_path", "components.hyperparameters_gen.component.Executor"),
        *("--json_serialized_invocation_args", json.dumps(invocation)),
        *("--json_serialized_inputs_spec_args", json.dumps({"parameters": parameters})),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (artifact,) = json.loads(output_file.read_text())["artifacts"]["hyperparameters"]["artifacts"]
    assert artifact["uri"] == str(tmp_path / "hyperparameters")
    (written,) = (tmp_path / "hyperparameters").iterdir()
    assert json.loads(written.read_text()) == json.loads(content.stdout)


def test_a_beam_worker_runs_the_projects_code(image: Image, tmp_path: Path) -> None:
    done = image.run("python", "-W", "ignore", "-c", WORKER, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    with sqlite3.connect(tmp_path / "rankings.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM rankings").fetchone() == (100,)


@pytest.mark.pipeline
def test_both_pipelines_run(image: Image, tmp_path: Path) -> None:
    configs = tmp_path / "configs"
    shutil.copytree(image.workdir / "configs", configs)
    settings = yaml.safe_load((configs / "newsletter.yaml").read_text())
    # So few newsletters hold little evidence; what runs is the point here.
    settings["gate"] = {
        "min_rows": 1,
        "min_effective_sample_size": 1,
        "min_auc": 0,
        "allowed_margin": "99%",
        "max_unsubscribe_ratio": None,
    }
    (configs / "newsletter.yaml").write_text(yaml.safe_dump(settings))
    done = image.run(
        *(
            "newsletter-bandit",
            "demo",
            "--newsletters",
            "10000",
            "--users",
            "200",
            "--run-date",
            "2026-11-23",
        ),
        *("--use-case", configs / "newsletter.yaml", "--workdir", tmp_path / "demo"),
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    with sqlite3.connect(tmp_path / "demo" / "rankings-newsletter.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM rankings").fetchone() == (200,)
