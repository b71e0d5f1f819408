"""The function that TFX's Trainer calls: reads the split, trains the agent of the settings, exports."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from components.hyperparameters_gen.hyperparameters import joined
from components.production_model.published import for_training
from components.trainer.data import FileData
from components.trainer.distribution import workers
from components.trainer.produced import FILE, Training
from components.trainer.training import fit
from components.trainer.warm_start import WarmStartState
from components.transform.cut_values import cut_values
from components.transform.layout import Layout, vocabulary_sizes
from components.transform.left_out import left_out

_ROWS = 65_536  # of a look at all rows


def run_fn(fn_args: Any) -> None:
    """Trains and exports.

    Args:
      fn_args: TFX's arguments; `hyperparameters` is the dictionary that HyperparametersGen made,
        `custom_config["use_case"]` the rest of the use case as JSON. TensorBoard logs and `training.json`
        (rows, steps and what the agent measured) go to `model_run_dir`, the SavedModel to
        `serving_model_dir`.

    Raises:
      SettingsError: the two do not make a use case.
      DataError: the training split holds no row that can be trained on.
    """
    # This comes first, because TensorFlow joins the other workers before it computes anything, or never.
    together = workers()
    use_case = joined(fn_args.custom_config["use_case"], fn_args.hyperparameters)
    transform_output = tft.TFTransformOutput(fn_args.transform_output)
    data = FileData(
        files=[name for pattern in fn_args.train_files for name in tf.io.gfile.glob(pattern)],
        layout=Layout.of(use_case),
        vocabulary_sizes=vocabulary_sizes(use_case, transform_output),
        weighting=use_case.propensity_weighting,
    )

    measured: dict[str, float] = {}
    if together.is_chief:
        model_run_dir, serving_model_dir = fn_args.model_run_dir, fn_args.serving_model_dir
    else:
        # All must save, and only one may write: https://www.tensorflow.org/tutorials/distribute/save_and_load
        model_run_dir = serving_model_dir = tempfile.mkdtemp(prefix="newsletter_bandit_worker_")
    writer = tf.summary.create_file_writer(model_run_dir)

    def log(name: str, value: float, step: int) -> None:
        measured[name] = value
        measured["step"] = step
        with writer.as_default():
            tf.summary.scalar(name, value, step=step)

    warm_start = None
    if use_case.warm_start.enabled and fn_args.base_model:
        warm_start = WarmStartState.load(for_training(os.path.dirname(fn_args.base_model)))
    model = fit(use_case, data, transform_output, log, warm_start, together)
    writer.close()
    model.save(serving_model_dir)
    training = Training(
        use_case.agent.type,
        data.totals.rows,
        measured,
        left_out(use_case, transform_output),
        dict(zip(use_case.recommenders, model.training_rows.numpy().tolist(), strict=True)),
        cut_values(use_case, data.blocks(_ROWS)) if together.is_chief else {},
    )
    with tf.io.gfile.GFile(os.path.join(model_run_dir, FILE), "w") as file:
        file.write(training.to_json())
    if not together.is_chief:
        tf.io.gfile.rmtree(serving_model_dir)
    # TFX's Trainer fails in each process unless the model is there when this returns.
    together.wait()
