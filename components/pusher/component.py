"""Pusher: TFX's own, whose executor attaches the decision's criteria to what it pushes.

This module relies on the following: TFX's Pusher pushes only a blessed model. Then it copies the SavedModel
into `pushed_model` itself (not below `Format-Serving`) and sets the custom properties `pushed` = 1,
`pushed_destination` and `pushed_version` (Unix seconds). Otherwise `pushed_model` stays empty and carries
`pushed` = 0.
"""

from __future__ import annotations

from tfx.components import Pusher as TfxPusher
from tfx.dsl.components.base import executor_spec
from tfx.proto import pusher_pb2
from tfx.types import BaseChannel, Channel, component_spec, standard_artifacts, standard_component_specs
from tfx.types.experimental import simple_artifacts
from tfx.types.system_executions import Deploy

from components.pusher.executor import DECISION_KEY, Executor


class PusherSpec(component_spec.ComponentSpec):
    """TFX's spec, with the decision as a further input."""

    PARAMETERS = {
        standard_component_specs.PUSH_DESTINATION_KEY: component_spec.ExecutionParameter(
            type=pusher_pb2.PushDestination
        ),
    }
    INPUTS = {
        standard_component_specs.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        standard_component_specs.MODEL_BLESSING_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ModelBlessing
        ),
        DECISION_KEY: component_spec.ChannelParameter(type=simple_artifacts.File),
    }
    OUTPUTS = {
        standard_component_specs.PUSHED_MODEL_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.PushedModel
        )
    }
    TYPE_ANNOTATION = Deploy


class Pusher(TfxPusher):
    """Pushes a blessed model, with the criteria for serving it, to `<base_directory>/<Unix seconds>`.

    Outputs `pushed_model`.

    Args:
      model: the resolved model, whose graph has the variables `exploration_rate`, `score_floor` and
        `expires_after_days`.
      model_blessing: the Evaluator's blessing; an unblessed model is not pushed.
      decision: the resolver's folder with `decision.json`.
      base_directory: folder or ``gs://`` path.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self, model: BaseChannel, model_blessing: BaseChannel, decision: BaseChannel, base_directory: str
    ) -> None:
        filesystem = pusher_pb2.PushDestination.Filesystem(base_directory=base_directory)
        spec = PusherSpec(
            model=model,
            model_blessing=model_blessing,
            decision=decision,
            push_destination=pusher_pb2.PushDestination(filesystem=filesystem),
            pushed_model=Channel(type=standard_artifacts.PushedModel),
        )
        # Bypasses TFX's own constructor, whose spec has no decision.
        super(TfxPusher, self).__init__(spec=spec)
