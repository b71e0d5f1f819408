"""TFX's Pusher; it pushes a copy of the model with the decision's criteria."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from tfx.components.pusher import executor as tfx_executor
from tfx.types import Artifact, artifact_utils

from components.pusher.criteria import attach, criteria
from newsletter_bandit.files import copy_tree
from newsletter_bandit.registry.evidence import Decision

DECISION_KEY = "decision"


class Executor(tfx_executor.Executor):
    """Attaches exploration rate, score floor and expiry to a copy of the model before TFX pushes it."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes the model if it is blessed.

        Raises:
          DataError: the decision is damaged, or the model has no such criteria; nothing was pushed.
        """
        with tempfile.TemporaryDirectory() as folder:
            self._copy = os.path.join(folder, "model")
            super().Do(input_dict, output_dict, exec_properties)

    def GetModelPath(self, input_dict: dict[str, list[Artifact]]) -> str:  # noqa: N802
        """Folder of the copy, which TFX's executor asks for once it knows that the model is blessed."""
        decision = Decision.read(artifact_utils.get_single_uri(input_dict[DECISION_KEY]))
        copy_tree(super().GetModelPath(input_dict), self._copy)
        attach(self._copy, criteria(decision))
        return self._copy
