"""Sets the decision criteria in a SavedModel: values of variables that its graph reads, and nothing else.

Only the checkpoint below `variables/` is rewritten, by TensorFlow's own operation, with the same tensors
under the same names but for the criteria. Graph, signatures and assets keep their bytes, so whatever loads
the model, TensorFlow 2, the graph's own loader or TensorFlow Serving, computes what it did before, from other
criteria.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.trainer import fingerprint
from newsletter_bandit.errors import DataError
from newsletter_bandit.exported_model import (
    CONSTRAINED_TERMS,
    EXPIRES_AFTER_DAYS,
    EXPLORATION_RATE,
    RECOMMENDER_NAMES,
    RECOMMENDER_OFFSETS,
    SCORE_FLOOR,
    TERM_MULTIPLIERS,
)
from newsletter_bandit.files import filled_folder
from newsletter_bandit.registry.evidence import Decision

Value = float | Mapping[str, float]
# Variables whose entries have names, and the variables that hold these.
NAMES = {TERM_MULTIPLIERS: CONSTRAINED_TERMS, RECOMMENDER_OFFSETS: RECOMMENDER_NAMES}
_VARIABLES = "variables"
_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"


def criteria(decision: Decision) -> dict[str, Value]:
    """Variable of the exported graph -> the value that the decision gives it.

    Multipliers and offsets are by name; only a decision on a model with constraints has them.
    """
    floor = -math.inf if decision.score_floor is None else decision.score_floor
    found: dict[str, Value] = {
        EXPLORATION_RATE: decision.exploration_rate,
        SCORE_FLOOR: floor,
        EXPIRES_AFTER_DAYS: decision.expires_after_days,
    }
    if decision.multipliers:
        found[TERM_MULTIPLIERS] = decision.multipliers
    if decision.offsets:
        found[RECOMMENDER_OFFSETS] = decision.offsets
    return found


def in_order(value: Value, names: Sequence[str], variable: str) -> float | list[float]:
    """The value of a variable as its tensor: of numbers by name a vector, 0 where there is none.

    Raises:
      DataError: a name is not among the ``names`` of the model.
    """
    if not isinstance(value, Mapping):
        return value
    unknown = [name for name in value if name not in names]
    if unknown:
        raise DataError(f"{variable}: found {unknown}; allowed: {list(names)}, which the model has")
    return [value.get(name, 0.0) for name in names]


def attach(model_dir: str, values: Mapping[str, Value]) -> None:
    """Gives variables of the model's root object new values; the rest of the model stays as it is.

    Repeating it gives the same bytes.

    Args:
      model_dir: folder of a SavedModel on this machine, which is changed.
      values: name of a variable to its value: a number of a scalar, numbers by name of a vector.

    Raises:
      DataError: there is no checkpoint, or no such variable or name; names it. The model is left as it was.
    """
    import tensorflow as tf

    prefix = os.path.join(model_dir, _VARIABLES, _VARIABLES)
    if not os.path.exists(prefix + ".index"):
        raise DataError(f"{model_dir}: no variables in it; allowed: the folder of a SavedModel")
    reader = tf.train.load_checkpoint(prefix)
    types: dict[str, Any] = reader.get_variable_to_dtype_map()
    shapes = reader.get_variable_to_shape_map()
    new: dict[str, Any] = {}
    for name, value in values.items():
        shape = shapes.get(name + _SUFFIX)
        if shape is None or (not isinstance(value, Mapping) and shape != []):
            kind = "variable" if isinstance(value, Mapping) else "scalar variable"
            raise DataError(f"{model_dir}: no {kind} {name}; allowed: a model that reads its criteria")
        own = reader.get_tensor(NAMES[name] + _SUFFIX).tolist() if isinstance(value, Mapping) else []
        new[name] = in_order(value, [one.decode() for one in own], name)
    names = sorted(types)
    tensors = []
    for name in names:
        tensor = reader.get_tensor(name)
        key = name.removesuffix(_SUFFIX)
        if key in new:
            tensor = np.asarray(new[key], types[name].as_numpy_dtype)
        tensors.append(tf.constant(tensor, types[name]))
    with filled_folder(os.path.join(model_dir, _VARIABLES)) as written:
        tf.raw_ops.SaveV2(
            prefix=os.path.join(written, _VARIABLES),
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=tensors,
        )
    fingerprint.renew(model_dir)
