"""Beam options of the environment and of its single steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from newsletter_bandit.settings.cloud import Dataflow
from newsletter_bandit.settings.environment import Processing

if TYPE_CHECKING:
    from tfx.dsl.components.base.base_component import BaseComponent

_AUTOSCALING = {"throughput": "THROUGHPUT_BASED", "none": "NONE"}


def beam_args(processing: Processing, step: str | None = None) -> list[str]:
    """Command-line options of the Beam steps.

    The in-process runner is named outright: Beam's DirectRunner may try to download another one.

    Args:
      processing: the environment's settings.
      step: one of `BEAM_STEPS`, to apply that step's overrides; None for the options that all steps share.
    """
    if processing.dataflow is not None:
        settings = processing.dataflow
        if step in processing.steps:
            settings = settings.model_copy(update=processing.steps[step].model_dump(exclude_none=True))
        return ["--runner=DataflowRunner", *_dataflow_args(settings), *processing.beam_args]
    mode = "in_memory" if processing.runner == "in_process" else "multi_processing"
    return [
        "--runner=FnApiRunner",
        f"--direct_running_mode={mode}",
        f"--direct_num_workers={processing.workers}",
        # There are no containers here. Without it, TFX packs its own sources for workers: seconds per step.
        "--sdk_container_image=none",
        *processing.beam_args,
    ]


def with_beam_args(components: Sequence[BaseComponent], processing: Processing) -> list[BaseComponent]:
    """The components; each one that runs on Beam has its own options.

    They are not options of the whole pipeline, because a component can add to those but not replace them.
    """
    from tfx.dsl.components.base.executor_spec import BeamExecutorSpec

    for component in components:
        if isinstance(component.executor_spec, BeamExecutorSpec):
            # Both ExampleGens are one step to the settings.
            step = "ExampleGen" if component.id.endswith("ExampleGen") else component.id
            component.executor_spec.add_beam_pipeline_args(beam_args(processing, step))
    return list(components)


def _dataflow_args(settings: Dataflow) -> list[str]:
    options: dict[str, object] = {
        "project": settings.project,
        "region": settings.region,
        "temp_location": settings.temp_location,
        "staging_location": f"{settings.temp_location}/staging",
        "machine_type": settings.machine_type,
        "disk_size_gb": settings.disk_gb,
        "num_workers": min(settings.workers, settings.max_workers),
        "max_num_workers": settings.max_workers,
        "autoscaling_algorithm": _AUTOSCALING[settings.autoscaling],
        "sdk_container_image": settings.image,
        "service_account_email": settings.service_account,
        "network": settings.network,
        "subnetwork": settings.subnetwork,
    }
    args = [f"--{name}={value}" for name, value in options.items() if value is not None]
    if settings.image is not None:
        # The image holds what the workers need; Beam's own check would ask for an SDK image.
        args.append("--sdk_location=container")
    if not settings.public_ips:
        args.append("--no_use_public_ips")
    args += [f"--labels={key}={value}" for key, value in sorted(settings.labels.items())]
    return [*args, "--experiments=use_runner_v2"]
