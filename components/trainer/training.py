"""Trains the agent of a use case and wraps it into the model that is exported."""

from __future__ import annotations

import tensorflow_transform as tft
from absl import logging

from components.trainer.agents import AGENTS, Log, Task
from components.trainer.data import SharedData, TrainingData
from components.trainer.distribution import Workers
from components.trainer.experience import Experience
from components.trainer.export import BanditModel
from components.trainer.learning import require_keras_2
from components.trainer.warm_start import Names, WarmStartState
from components.transform.left_out import left_out
from newsletter_bandit.settings.use_case import UseCase


def fit(
    use_case: UseCase,
    data: TrainingData,
    transform_output: tft.TFTransformOutput,
    log: Log = lambda _name, _value, _step: None,
    warm_start: WarmStartState | None = None,
    workers: Workers | None = None,
) -> BanditModel:
    """Trains on the whole of ``data``.

    Args:
      use_case: agent, exploration and reward, the hyperparameters already merged into it.
      data: the training split.
      transform_output: the graph that made it, which becomes part of the model.
      log: called with (name, value, step) of each figure that the agent measures.
      warm_start: state of an earlier model; None starts from scratch.
      workers: the workers that train together; each gets the whole of ``data`` and takes its share. None: no
        others.

    Raises:
      DataError: no row shows a recommender of the use case, or the agent's network did not learn.
      SettingsError: TensorFlow was imported with a Keras that TF-Agents cannot use.
    """
    require_keras_2()
    agent = use_case.agent.type
    if warm_start is not None and warm_start.agent != agent:
        logging.warning(
            "Warm start: the earlier agent is %s, not %s; starting from scratch.", warm_start.agent, agent
        )
        warm_start = None
    if warm_start is not None:
        warm_start = warm_start.with_names_of_today(use_case.renamed)
    workers = workers or Workers()
    if workers.count > 1:
        data = SharedData(data, workers)
    task = Task(use_case, data, Names.of(use_case, transform_output), log, warm_start, workers)
    constant = left_out(use_case, transform_output)
    if constant:
        logging.warning(
            "Training: %s left out of the model: the same in all but %g of the rows at most "
            "(scaling.min_varying_share).",
            ", ".join(constant),
            use_case.scaling.min_varying_share,
        )
    with workers.scope():
        trained = AGENTS[agent](task)
    experience = Experience.of(data.totals, use_case, warm_start)
    untried = experience.never_tried(use_case)
    if untried:
        logging.warning(
            "Training: no row shows %s; the serving policy tries it by its budget (exploration.new_arm).",
            ", ".join(untried),
        )
    return BanditModel(transform_output, trained, use_case, experience)
