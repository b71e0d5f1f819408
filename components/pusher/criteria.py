"""Sets the decision criteria in a SavedModel: values of variables that its graph reads, and nothing else.

Only the checkpoint below `variables/` is rewritten, by TensorFlow's own operation, with the same tensors
under the same names but for the criteria. Graph, signatures and assets keep their bytes, so whatever loads
the model, TensorFlow 2, the graph's own loader or TensorFlow Serving, computes what it did before, from other
criteria.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from components.trainer import fingerprint
from newsletter_bandit.errors import DataError
from newsletter_bandit.exported_model import EXPIRES_AFTER_DAYS, EXPLORATION_RATE, SCORE_FLOOR
from newsletter_bandit.files import filled_folder
from newsletter_bandit.registry.evidence import Decision

_VARIABLES = "variables"
_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"


def criteria(decision: Decision) -> dict[str, float]:
    """Variable of the exported graph -> the value that the decision gives it."""
    floor = -math.inf if decision.score_floor is None else decision.score_floor
    return {
        EXPLORATION_RATE: decision.exploration_rate,
        SCORE_FLOOR: floor,
        EXPIRES_AFTER_DAYS: decision.expires_after_days,
    }


def attach(model_dir: str, values: Mapping[str, float]) -> None:
    """Gives variables of the model's root object new values; the rest of the model stays as it is.

    Repeating it gives the same bytes.

    Args:
      model_dir: folder of a SavedModel on this machine, which is changed.
      values: name of a scalar variable to its value.

    Raises:
      DataError: there is no checkpoint, or no such scalar; names it. The model is left as it was.
    """
    import tensorflow as tf

    prefix = os.path.join(model_dir, _VARIABLES, _VARIABLES)
    if not os.path.exists(prefix + ".index"):
        raise DataError(f"{model_dir}: no variables in it; allowed: the folder of a SavedModel")
    reader = tf.train.load_checkpoint(prefix)
    types: dict[str, Any] = reader.get_variable_to_dtype_map()
    shapes = reader.get_variable_to_shape_map()
    for name in values:
        if shapes.get(name + _SUFFIX) != []:
            raise DataError(
                f"{model_dir}: no scalar variable {name}; allowed: a model that reads its criteria"
            )
    names = sorted(types)
    tensors = []
    for name in names:
        tensor = reader.get_tensor(name)
        key = name.removesuffix(_SUFFIX)
        if key in values:
            tensor = np.asarray(values[key], types[name].as_numpy_dtype)
        tensors.append(tf.constant(tensor, types[name]))
    with filled_folder(os.path.join(model_dir, _VARIABLES)) as written:
        tf.raw_ops.SaveV2(
            prefix=os.path.join(written, _VARIABLES),
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=tensors,
        )
    fingerprint.renew(model_dir)
