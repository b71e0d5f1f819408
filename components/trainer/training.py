"""Trains the agent of a use case and wraps it into the model that is exported."""

from __future__ import annotations

from dataclasses import replace

import tensorflow_transform as tft
from absl import logging

from components.trainer.agents import AGENTS, Log, Task
from components.trainer.constraints.finding import find
from components.trainer.data import SharedData, TrainingData, split_users
from components.trainer.distribution import Workers
from components.trainer.experience import Experience
from components.trainer.export import BanditModel
from components.trainer.learning import require_keras_2
from components.trainer.term_model import TermModel
from components.trainer.warm_start import Names, WarmStartState
from components.transform.left_out import left_out
from newsletter_bandit.settings.constraints import clip_of
from newsletter_bandit.settings.use_case import UseCase


def fit(
    use_case: UseCase,
    data: TrainingData,
    transform_output: tft.TFTransformOutput,
    log: Log = lambda _name, _value, _step: None,
    warm_start: WarmStartState | None = None,
    workers: Workers | None = None,
) -> BanditModel:
    """Trains on the whole of ``data``, but for the users on which the multipliers of constraints are found.

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
    rows, held_out = data.counted.rows if use_case.constraints else 0, None
    if use_case.constraints:
        search = use_case.constraint_search
        share = min(search.held_out_share, search.max_rows / max(rows, 1))
        data, held_out = split_users(data, share, use_case.words)
    learnt = data
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
        terms = [_term_model(task, learnt, number) for number in range(len(use_case.constrained_terms))]
    experience = Experience.of(data.totals, use_case, warm_start)
    untried = experience.never_tried(use_case)
    if untried:
        logging.warning(
            "Training: no row shows %s; the serving policy tries it by its budget (exploration.new_arm).",
            ", ".join(untried),
        )
    model = BanditModel(transform_output, trained, use_case, experience, terms)
    if held_out is not None:
        gate_rows = max(rows * use_case.eval_share / (1.0 - use_case.eval_share), 1.0)
        model.found = find(model, held_out, use_case, gate_rows)
        for limit in model.found.failed:
            logging.warning(
                "Constraints: no multiplier holds %s with the margin that its gate needs.", limit.name
            )
    return model


def _term_model(task: Task, data: TrainingData, number: int) -> TermModel:
    """The agent trained on a constrained term; ``data`` are the rows of all workers."""
    term, workers = task.use_case.constrained_terms[number], task.workers
    own = data.of_term(number)
    if workers.count > 1:
        own = SharedData(own, workers)
    of_term = replace(
        task,
        data=own,
        warm_start=None,
        log=lambda name, value, step: task.log(f"{term}/{name}", value, step),
    )
    bounds = clip_of(term, task.use_case.reward)
    assert bounds is not None
    return TermModel(AGENTS[task.use_case.agent.type](of_term), bounds)
