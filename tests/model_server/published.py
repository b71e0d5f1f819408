"""A use case with a feature of each type, and a model of it, trained on a few rows, in production."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from newsletter_bandit.registry import Registry, model_digest, new_version
from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.settings.use_case import UseCase
from pipelines.workspace import Workspace
from tests.raw_rows import make_typed_use_case

ENVIRONMENT = Path(__file__).parents[2] / "configs" / "environments" / "local.yaml"
DAY = dt.date(2024, 1, 15)
COLOURS = ("red", "green", "blue", " grün ", None)


def use_case(**changes: Any) -> UseCase:
    """Explores often, and earns baskets too; `b` was called `bee` once."""
    return make_typed_use_case(
        agent={"type": "lin_ucb"},
        exploration={"epsilon": 0.5},
        reward={"terms": {"clicked": 1, "unsubscribed": -1, "basket": {"weight": 0.1, "clip": [0, 10]}}},
        renamed={"bee": "b"},
        min_seconds_to_click=0,
        **changes,
    )


def save_model(folder: Path) -> None:
    """Trains on 400 rows, and writes the SavedModel as the Pusher would have it."""
    from components.example_gen.in_memory import training_examples
    from components.serving_model_resolver.signatures import alias_signature
    from components.trainer.data import ArrayData
    from components.trainer.training import fit
    from components.transform.in_memory import Transformer, analyse
    from components.transform.layout import Layout, vocabulary_sizes

    settings = use_case()
    rng = np.random.default_rng(1)
    rows = users(400)
    log = pa.table(
        {
            **{name: rows[name] for name in rows.column_names if name != "eligible_recommenders"},
            "sent_at": [dt.datetime(2024, 1, 8, tzinfo=dt.UTC)] * 400,
            "recommender": rng.choice(["a", "b", "c"], 400),
            "propensity": np.full(400, 1 / 3),
            "policy_version": ["uniform"] * 400,
            "clicked": rng.random(400) < 0.3,
            "unsubscribed": np.zeros(400, bool),
            "basket": rng.random(400),
        }
    )
    _, examples = training_examples(settings, log, dt.date(2024, 1, 8), dt.date(2024, 1, 9))
    output = analyse(settings, list(examples), folder.with_name("transform"))
    data = ArrayData(
        dict(Transformer(output)(examples)),
        Layout.of(settings),
        vocabulary_sizes(settings, output),
        settings.propensity_weighting,
    )
    fit(settings, data, output).save(str(folder))
    alias_signature(str(folder), "serving_policy")


def users(count: int) -> pa.Table:
    """Rows of the inference table: values of all kinds, and each feature missing here and there."""
    rng = np.random.default_rng(7)

    def some(values: list[Any], every: int) -> list[Any]:
        return [None if i % every == 1 else value for i, value in enumerate(values)]

    return pa.table(
        {
            "user_id": [f"user-{i} ü" for i in range(count)],
            "campaign": ["c1"] * count,
            "eligible_recommenders": [[[], ["a", "bee"], ["c"]][i % 3] for i in range(count)],
            "colour": [COLOURS[i % len(COLOURS)] for i in range(count)],
            "height": some([float(value) for value in rng.normal(170, 10, count)], 4),
            "joined": pa.array(
                some([DAY - dt.timedelta(days=int(days)) for days in rng.integers(-3, 900, count)], 5),
                pa.date32(),
            ),
            "member": pa.array(some([bool(value) for value in rng.random(count) < 0.5], 6), pa.bool_()),
        }
    )


def items(table: pa.Table) -> list[dict[str, Any]]:
    """The users as items of a request."""
    features = ("colour", "height", "joined", "member")
    found = []
    for row in table.to_pylist():
        given = {name: row.pop(name) for name in features}
        given["joined"] = given["joined"] and given["joined"].isoformat()
        # Missing in one of the two ways.
        found.append({**row, "features": {n: v for n, v in given.items() if v is not None or n < "h"}})
    return found


def workspace(folder: Path, **settings: Any) -> Workspace:
    """The use case and an empty registry in a work folder; ``settings`` of the model server."""
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(use_case().model_dump(mode="json")))
    environment_path = folder / "environment.yaml"
    content = yaml.safe_load(ENVIRONMENT.read_text())
    environment_path.write_text(yaml.safe_dump({**content, "model_server": settings}))
    loaded = load_use_case(path)
    environment = load_environment(environment_path).in_workdir(folder / "work", loaded)
    return Workspace(loaded, path, environment, folder / "work")


def registry_of(workspace: Workspace) -> Registry:
    """The registry of the workspace."""
    return Registry(workspace.environment.registry, "tiny")


def publish(workspace: Workspace, model: Path, day: int, current: bool = True) -> str:
    """Publishes the model as a version of a day of January, and puts it into production."""
    registry = registry_of(workspace)
    version = new_version(dt.datetime(2024, 1, day, tzinfo=dt.UTC), model_digest(str(model)))
    registry.publish(version, str(model), {})
    if current:
        registry.set_current(version)
    return version


def of_use_case(workspace: Workspace, use_case: UseCase) -> Workspace:
    """The workspace with other settings of the use case."""
    return dataclasses.replace(workspace, use_case=use_case)
