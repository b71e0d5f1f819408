"""Networks over the packed features, and the loop that trains the agent that owns one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy.typing as npt
import tensorflow as tf
from absl import logging
from tf_agents.agents import tf_agent
from tf_agents.networks import network
from tf_agents.trajectories import trajectory

from components.trainer.agents import specs
from components.trainer.agents.task import Task
from components.trainer.data import WEIGHT
from components.trainer.learning import check_losses, check_moved
from components.trainer.reward_model import RewardModel
from components.trainer.warm_start import Names, carry_over
from components.transform.layout import CATEGORICAL, NUMERIC, REWARD
from newsletter_bandit.settings.agents import Averaged, Network

# Steps that run inside one call of the graph, between two lines in TensorBoard.
STEPS_PER_CALL = 50
# Between the seeds of two networks: a network's layers have seeds of their own, up to some thousands apart.
_SEEDS_APART = 100_000

Batch = dict[str, tf.Tensor]
_Averaged = TypeVar("_Averaged", bound=Averaged)


class ContextNetwork(network.Network):
    """Embeddings and numbers through fully connected layers, [batch, last layer].

    Args:
      task: gives the shapes of the packed features.
      layers: units of the hidden layers, each followed by a ReLU.
      outputs: units of a last linear layer; None leaves it out.
      constant: appends a 1 to the output, for a linear model on top.
      seed: seed of the initial weights.
    """

    def __init__(
        self,
        task: Task,
        layers: Sequence[int],
        outputs: int | None,
        seed: int,
        constant: bool = False,
    ) -> None:
        super().__init__(specs.packed_observation_spec(task.data), state_spec=(), name="ContextNetwork")
        keras = tf.keras
        data = task.data
        # One seed per layer: with equal seeds, layers of equal shape would start equal.
        self._embeddings = [
            keras.layers.Embedding(
                size, dim, embeddings_initializer=keras.initializers.RandomUniform(-0.05, 0.05, seed + i)
            )
            for i, (size, dim) in enumerate(
                zip(data.vocabulary_sizes, data.layout.embedding_dims, strict=True)
            )
        ]
        self._dense = [
            keras.layers.Dense(units, "relu", kernel_initializer=keras.initializers.HeNormal(seed + 1000 + i))
            for i, units in enumerate(layers)
        ]
        if outputs is not None:
            initial = keras.initializers.GlorotNormal(seed + 2000)
            self._dense.append(keras.layers.Dense(outputs, kernel_initializer=initial))
        self._constant = constant

    def call(
        self,
        observation: Mapping[str, tf.Tensor],
        step_type: Any = None,  # noqa: ARG002 TF-Agents passes it
        network_state: Any = (),
        training: bool = False,
    ) -> tuple[tf.Tensor, Any]:
        parts = [observation[NUMERIC]] if NUMERIC in observation else []
        if CATEGORICAL in observation:
            columns = tf.unstack(observation[CATEGORICAL], axis=-1)
            parts += [embed(column) for embed, column in zip(self._embeddings, columns, strict=True)]
        hidden = tf.concat(parts, axis=-1)
        for layer in self._dense:
            hidden = layer(hidden, training=training)
        if self._constant:
            hidden = tf.concat([hidden, tf.ones_like(hidden[..., :1])], axis=-1)
        return hidden, network_state

    def arrays(self, names: Names) -> dict[str, npt.NDArray[Any]]:
        """Weights by name, for a warm start."""
        embeddings = zip(names.vocabularies, self._embeddings, strict=True)
        found = {f"embedding/{feature}": layer.embeddings.numpy() for feature, layer in embeddings}
        for i, layer in enumerate(self._dense):
            found |= {f"dense/{i}/kernel": layer.kernel.numpy(), f"dense/{i}/bias": layer.bias.numpy()}
        return found

    def take_over(self, task: Task, outputs_are_recommenders: bool) -> None:
        """Starts from the weights of an earlier model, as far as they fit here."""
        state = task.warm_start
        if state is None:
            return
        try:
            self._take_over(task.names, state.names, state.arrays, outputs_are_recommenders)
        except (KeyError, ValueError) as error:
            logging.warning(
                "Warm start: the earlier network has another shape (%s); starting from scratch.", error
            )

    def _take_over(
        self,
        names: Names,
        old: Names,
        arrays: Mapping[str, npt.NDArray[Any]],
        outputs_are_recommenders: bool,
    ) -> None:
        values: list[tuple[tf.Variable, npt.NDArray[Any]]] = []
        columns: list[list[str]] = []
        for side in (names, old):
            marks = [f"{name} is missing" for name in side.numeric]
            columns.append([*side.numeric, *marks])
        for feature, layer in zip(names.vocabularies, self._embeddings, strict=True):
            width = layer.embeddings.shape[1]
            for inputs_of in columns:
                inputs_of += [f"{feature}[{i}]" for i in range(width)]
            if feature in old.vocabularies:
                axes = [(names.vocabularies[feature], old.vocabularies[feature]), None]
                values.append(
                    (
                        layer.embeddings,
                        carry_over(layer.embeddings.numpy(), arrays[f"embedding/{feature}"], axes),
                    )
                )
        if list(old.vocabularies) != list(names.vocabularies):
            raise ValueError(f"features {list(old.vocabularies)} instead of {list(names.vocabularies)}")
        last = len(self._dense) - 1
        for i, layer in enumerate(self._dense):
            of_recommenders = outputs_are_recommenders and i == last
            outputs = (names.recommenders, old.recommenders) if of_recommenders else None
            inputs = (columns[0], columns[1]) if i == 0 else None
            kernel, bias = arrays[f"dense/{i}/kernel"], arrays[f"dense/{i}/bias"]
            values.append((layer.kernel, carry_over(layer.kernel.numpy(), kernel, [inputs, outputs])))
            values.append((layer.bias, carry_over(layer.bias.numpy(), bias, [outputs])))
        for variable, value in values:
            variable.assign(value)


class NetworkModel(RewardModel):
    """The mean of networks with one output per recommender.

    Args:
      trained: one network or more.
      names: meaning of the rows and columns of their arrays.
    """

    def __init__(self, trained: Sequence[ContextNetwork], names: Names) -> None:
        super().__init__(name="reward_model")
        self._networks = list(trained)
        self._arrays = {
            f"{_part(number)}{name}": array
            for number, one in enumerate(trained)
            for name, array in one.arrays(names).items()
        }

    def estimates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        found = [one(observation(features))[0] for one in self._networks]
        return found[0] if len(found) == 1 else tf.add_n(found) / float(len(found))

    def warm_start(self) -> dict[str, npt.NDArray[Any]]:
        return dict(self._arrays)


def observation(features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Keeps only the packed features of a row or batch."""
    return {key: features[key] for key in (NUMERIC, CATEGORICAL) if key in features}


def reward_network(task: Task, settings: Network) -> ContextNetwork:
    """A network with one output per recommender, warm if the task is."""
    made = ContextNetwork(task, settings.hidden_layers, len(task.names.recommenders), settings.seed)
    made.create_variables()
    made.take_over(task, outputs_are_recommenders=True)
    return made


def train_networks(
    task: Task,
    settings: _Averaged,
    make_agent: Callable[[ContextNetwork, _Averaged], tf_agent.TFAgent],
    as_trajectory: Callable[[Batch], trajectory.Trajectory],
) -> list[ContextNetwork]:
    """Trains ``settings.networks`` networks with one output per recommender, one after the other.

    Args:
      task: the training; each network begins where the one of its number ended, if the task is warm.
      settings: of the agent.
      make_agent: of a network that is about to be trained, and the settings with its own seed.
      as_trajectory: as in `train`.

    Raises:
      DataError: a network did not learn; see `components.trainer.learning`.
    """
    made = []
    for number in range(settings.networks):
        own = settings.model_copy(update={"seed": settings.seed + number * _SEEDS_APART})
        of_network = _task_of(task, number)
        made.append(reward_network(of_network, own))
        train(make_agent(made[-1], own), of_network, own, as_trajectory)
    return made


def _part(number: int) -> str:
    """Beginning of the names of one network's arrays and figures; a network that is alone has none."""
    return f"network_{number}/" if number else ""


def _task_of(task: Task, number: int) -> Task:
    """One network's task: its figures have its name, and of an earlier model it sees its own arrays."""
    if not number:
        return task
    state, part = task.warm_start, _part(number)
    if state is not None:
        own = {
            name.removeprefix(part): array for name, array in state.arrays.items() if name.startswith(part)
        }
        # An earlier model of fewer networks leaves the others to begin from scratch.
        state = replace(state, arrays=own) if own else None

    def log(name: str, value: float, step: int) -> None:
        task.log(f"{part}{name}", value, step)

    return replace(task, warm_start=state, log=log)


def steps(task: Task, settings: Network) -> int:
    """Gradient steps of the whole training, at least 1."""
    return max(task.data.totals.rows * settings.epochs // settings.batch_size, 1)


def optimizer(task: Task, settings: Network) -> Any:
    """AdamW whose learning rate falls to 0 as half a cosine: https://arxiv.org/abs/1711.05101 has both.

    The decay is the optimizer's because the agents' loss leaves out layers' regularizers.
    """
    schedule = tf.keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps(task, settings))
    return tf.keras.optimizers.AdamW(schedule, weight_decay=settings.weight_decay)


def train(
    agent: tf_agent.TFAgent,
    task: Task,
    settings: Network,
    as_trajectory: Callable[[Batch], trajectory.Trajectory],
) -> None:
    """Runs `agent.train` over shuffled, weighted batches of the split, and logs the mean loss.

    Raises:
      DataError: the network did not learn; see `components.trainer.learning`.
    """
    agent.initialize()
    variables = agent.trainable_variables
    before = [variable.numpy() for variable in variables]
    workers = task.workers
    count = steps(task, settings)
    batches = iter(task.data.batches(settings.batch_size, settings.epochs, settings.seed))

    # Without autograph: converting TF-Agents' code takes ten seconds and changes nothing here.
    @tf.function(autograph=False)
    def run(iterator: Any, limit: tf.Tensor) -> tf.Tensor:
        def learn(batch: Batch) -> tf.Tensor:
            """Loss, mean reward and mean squared reward of the batch, weighted."""
            # Mean 1 within the batch, so that the learning rate means the same whatever the propensities; the
            # gradients of several workers are added up.
            weights = batch[WEIGHT] / tf.maximum(tf.reduce_mean(batch[WEIGHT]), 1e-6) / workers.count
            loss = agent.train(as_trajectory(batch), weights=weights).loss
            moments = [tf.reduce_mean(weights * batch[REWARD] ** power) for power in (1, 2)]
            return tf.stack([tf.cast(loss, tf.float32), *moments])

        def step(done: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return done + 1, total + workers.run(learn, next(iterator)) * workers.count

        _, total = tf.while_loop(lambda done, _: done < limit, step, (tf.constant(0), tf.zeros([3])))
        return total / tf.cast(limit, tf.float32)

    losses = []
    for start in range(0, count, STEPS_PER_CALL):
        limit = min(STEPS_PER_CALL, count - start)
        loss, mean, square = run(batches, tf.constant(limit)).numpy().tolist()
        losses.append(loss)
        task.log("loss", loss, start + limit)
    if variables:  # An agent that assigns its own has no loss that says anything.
        check_moved(before, [variable.numpy() for variable in variables])
        if len(losses) > 1:
            check_losses(losses[0], losses[-1], square - mean**2)
