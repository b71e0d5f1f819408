"""TFX's StatisticsGen, with an executor of its own."""

from __future__ import annotations

from tfx import v1 as tfx
from tfx.dsl.components.base import executor_spec

from components.statistics_gen.executor import Executor


class StatisticsGen(tfx.components.StatisticsGen):
    """Emits `statistics` of each split, as TFX's does without options."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
