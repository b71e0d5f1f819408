"""The step as Vertex AI runs it: through TFX's container entry point, without a driver."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.versions import model_digest, new_version
from tests import vertex_run

FIRST = dt.datetime(2026, 11, 23, 10, 15, tzinfo=dt.UTC)
SECOND = FIRST + dt.timedelta(days=7)


def compiled(root: Path) -> dict[str, Any]:
    from tfx import v1 as tfx
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as v2

    from components.production_model.component import ProductionModel
    from components.reference_model.component import ReferenceModel

    production = ProductionModel(str(root / "registry"), "tiny")
    earlier = ReferenceModel(production.outputs["model"], str(root / "registry"), "tiny", age_days=365)
    config = v2.KubeflowV2DagRunnerConfig(default_image="image", use_pipeline_spec_2_1=True)
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="looking-back", pipeline_root=str(root), components=[production, earlier]
    )
    spec: dict[str, Any] = v2.KubeflowV2DagRunner(config).run(pipeline, write_out=False)
    return spec


@pytest.mark.parametrize("published", [[], [FIRST], [FIRST, SECOND]], ids=["none", "one", "two"])
def test_the_oldest_version_stands_in_while_none_is_old_enough(
    tmp_path: Path, published: list[dt.datetime]
) -> None:
    registry = Registry(str(tmp_path / "registry"), "tiny")
    for created in published:
        source = tmp_path / f"{created:%d}"
        source.mkdir()
        (source / "saved_model.pb").write_text(f"{created:%d}")
        version = new_version(created, model_digest(str(source)))
        registry.publish(version, str(source), {})
        registry.set_current(version)
    steps = vertex_run.run(compiled(tmp_path), {}, tmp_path / "steps")
    assert steps == ["ProductionModel", "ReferenceModel"]
    found = tmp_path / "steps" / "ReferenceModel" / "model" / "Format-Serving" / "saved_model.pb"
    assert found.exists() == (len(published) == 2)
    if found.exists():
        assert found.read_text() == f"{FIRST:%d}"
