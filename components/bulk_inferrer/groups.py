"""Users by group and first recommender, counted while they are scored: predictions do not carry features.

    groups-00000-of-00002.json    {"country": {"CH": {"deals": 120, "refill": 31}}}

For each file of predictions, one lies in the folder `groups` beside them. A group is a value of one of the
use case's `slices`; "" is a missing one.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from newsletter_bandit.exported_model import RECOMMENDERS
from newsletter_bandit.files import files_of, read_bytes, write_text
from newsletter_bandit.settings.use_case import UseCase

# Feature -> its value -> first recommender -> users.
Groups = dict[str, dict[str, dict[str, int]]]
_FOLDER = "groups"


class GroupCounter:
    """Counts the users of batches.

    Args:
      use_case: its `slices` are the groups.
    """

    def __init__(self, use_case: UseCase) -> None:
        self._spec = {
            name: tf.io.RaggedFeature(tf.string if use_case.features[name].type == "string" else tf.int64)
            for name in use_case.slices
        }

    def count(self, examples: tf.Tensor, predictions: pa.RecordBatch) -> Counter[tuple[str, str, str]]:
        """Users by feature, value and first recommender.

        Args:
          examples: serialized tf.Examples, string [B].
          predictions: their rows of `components.bulk_inferrer.schema`, in the same order.
        """
        found: Counter[tuple[str, str, str]] = Counter()
        if not self._spec:
            return found
        first = pc.list_element(predictions.column(predictions.schema.get_field_index(RECOMMENDERS)), 0)
        parsed = tf.io.parse_example(examples, self._spec)
        for feature, values in parsed.items():
            table = pa.table({"value": _one_each(values), "first": first})
            for row in table.group_by(["value", "first"]).aggregate([("first", "count")]).to_pylist():
                # A row without an eligible recommender is refused later.
                if row["first"]:
                    name = row["first"].decode("utf-8", "replace")
                    found[feature, row["value"].decode("utf-8", "replace"), name] += row["first_count"]
        return found


def groups_file(predictions_dir: str, part: str) -> str:
    """The file of the counts that belong to one part of the predictions, such as "00000-of-00002"."""
    return os.path.join(predictions_dir, _FOLDER, f"groups-{part}.json")


def write_groups(path: str, found: Counter[tuple[str, str, str]]) -> None:
    """Makes or replaces a file of counts."""
    groups: Groups = {}
    for (feature, value, name), users in sorted(found.items()):
        groups.setdefault(feature, {}).setdefault(value, {})[name] = users
    write_text(path, json.dumps(groups))


def read_groups(predictions_dir: str) -> Groups:
    """The counts of all files together; empty where nobody counted."""
    groups: Groups = {}
    folder = os.path.join(predictions_dir, _FOLDER)
    for file in files_of(folder).names(folder):
        for feature, values in json.loads(read_bytes(os.path.join(folder, file))).items():
            for value, users in values.items():
                total = groups.setdefault(feature, {}).setdefault(value, {})
                for name, count in users.items():
                    total[name] = total.get(name, 0) + count
    return groups


def _one_each(values: tf.RaggedTensor) -> Any:
    """The first value of each row as bytes, [B]; empty where a row has none."""
    if values.dtype != tf.string:
        values = values.with_values(tf.strings.as_string(values.values))
    return values.to_tensor("", shape=[None, 1])[:, 0].numpy()
