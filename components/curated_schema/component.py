"""CuratedSchema as a TFX component.

TFX's ImportSchemaGen needs a file that the step can read. Here the text itself travels to the step, so the
data is checked against the schema that was reviewed and compiled.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts
from tfx.utils import io_utils

from newsletter_bandit.errors import SettingsError

# File name that the steps look for in a schema's folder.
FILE_NAME = "schema.pbtxt"


class Executor(base_executor.BaseExecutor):
    """Writes the text into the artifact."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Emits `schema`; the property `text` holds it."""
        self._log_startup(input_dict, output_dict, exec_properties)
        folder = artifact_utils.get_single_instance(output_dict["schema"]).uri
        io_utils.write_string_file(os.path.join(folder, FILE_NAME), exec_properties["text"])


class CuratedSchemaSpec(component_spec.ComponentSpec):
    """Input: a text. Output: a schema."""

    PARAMETERS = {"text": component_spec.ExecutionParameter(type=str)}
    INPUTS: dict[str, Any] = {}
    OUTPUTS = {"schema": component_spec.ChannelParameter(type=standard_artifacts.Schema)}


class CuratedSchema(base_component.BaseComponent):
    """Emits the schema of a file as it is when the pipeline is built.

    Args:
      path: a `Schema` proto as text.

    Raises:
      SettingsError: the file is missing or holds no such proto; names file and line.
    """

    SPEC_CLASS = CuratedSchemaSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, path: Path) -> None:
        text = read(path)
        spec = CuratedSchemaSpec(text=text, schema=types.Channel(type=standard_artifacts.Schema))
        super().__init__(spec=spec)


def read(path: Path) -> str:
    """The text of a schema file; raises as `CuratedSchema` does."""
    try:
        text = path.read_text()
        text_format.Parse(text, schema_pb2.Schema())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    except text_format.ParseError as error:
        raise SettingsError(f"{path}: no schema: {error}; allowed: a TFMD Schema proto as text") from error
    return text
