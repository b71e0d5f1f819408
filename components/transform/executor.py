"""Runs the step inside TFX."""

from __future__ import annotations

import functools
import json
from typing import Any

import apache_beam as beam
from tfx import types
from tfx.components.util import udf_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import io_utils

from components.example_gen.example_files import ReadFiles, SpreadFiles, split_files
from components.transform.analysis import WriteAnalysis
from components.transform.applying import ApplyGraph, target_of

ANALYSED = "train"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Analyses the split ``train`` and transforms all splits.

    TFX's own executor reads rows through a dozen Beam stages of Python. This one hands over paths and works
    on whole files.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the graph, and a file of transformed examples for each file of examples.

        Args:
          input_dict: `examples` and `schema`.
          output_dict: `transform_graph` and `transformed_examples`.
          exec_properties: `preprocessing_fn`, which is called with the `custom_config`.

        Raises:
          DataError: a split holds no file.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        (examples,) = input_dict[keys.EXAMPLES_KEY]
        splits = artifact_utils.decode_split_names(examples.split_names)
        files = {split: split_files([examples], split) for split in splits}
        schema_folder = artifact_utils.get_single_uri(input_dict[keys.SCHEMA_KEY])
        schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema_folder))
        preprocessing_fn = functools.partial(
            udf_utils.get_fn(exec_properties, keys.PREPROCESSING_FN_KEY),
            custom_config=json.loads(exec_properties[keys.CUSTOM_CONFIG_KEY]),
        )
        graph = artifact_utils.get_single_uri(output_dict[keys.TRANSFORM_GRAPH_KEY])
        transformed = artifact_utils.get_single_instance(output_dict[keys.TRANSFORMED_EXAMPLES_KEY])
        transformed.split_names = examples.split_names
        work: list[tuple[str, str]] = []
        for split, paths in files.items():
            folder = artifact_utils.get_split_uri([transformed], split)
            fileio.makedirs(folder)
            work += [(path, target_of(folder, i, len(paths))) for i, path in enumerate(paths)]

        temporary = self._get_tmp_dir()
        try:
            with self._make_beam_pipeline() as pipeline:
                _ = (
                    pipeline
                    | ReadFiles(files[ANALYSED], schema)
                    | WriteAnalysis(schema, preprocessing_fn, graph, temporary)
                )
        finally:
            io_utils.delete_dir(temporary)
        with self._make_beam_pipeline() as pipeline:
            _ = pipeline | SpreadFiles(work) | "ApplyGraph" >> beam.ParDo(ApplyGraph(graph))
