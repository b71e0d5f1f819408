"""Runs the step inside TFX."""

from __future__ import annotations

import os
from typing import Any

import tensorflow_data_validation as tfdv
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys

from components.example_gen.example_files import ReadFiles, split_files
from components.statistics_gen.produced import FILE

# A hundredth of the rows is told apart, so that a number which many rows have is known as such; TFDV's own
# default is a tenth.
_QUANTILES = 100


class Executor(base_beam_executor.BaseBeamExecutor):
    """TFDV's statistics of whole files; TFX's own reads row by row."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes a file of statistics for each split.

        Args:
          input_dict: `examples`.
          output_dict: `statistics`.
          exec_properties: unused.

        Raises:
          DataError: a split holds no file.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(input_dict[keys.EXAMPLES_KEY])
        statistics = artifact_utils.get_single_instance(output_dict[keys.STATISTICS_KEY])
        statistics.split_names = examples.split_names
        statistics.span = examples.span
        files = {
            split: split_files([examples], split)
            for split in artifact_utils.decode_split_names(examples.split_names)
        }
        options = tfdv.StatsOptions(num_quantiles_histogram_buckets=_QUANTILES)
        with self._make_beam_pipeline() as pipeline:
            for split, paths in files.items():
                folder = artifact_utils.get_split_uri([statistics], split)
                _ = (
                    pipeline
                    | f"Read[{split}]" >> ReadFiles(paths)
                    | f"Statistics[{split}]" >> tfdv.GenerateStatistics(options)
                    | f"Write[{split}]" >> tfdv.WriteStatisticsToBinaryFile(os.path.join(folder, FILE))
                )
