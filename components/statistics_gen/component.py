"""TFX's StatisticsGen, with an executor of its own."""

from __future__ import annotations

from tfx.components import StatisticsGen as TfxStatisticsGen
from tfx.dsl.components.base import executor_spec

from components.statistics_gen.executor import Executor


class StatisticsGen(TfxStatisticsGen):
    """Emits `statistics` of each split, as TFX's does without options."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
