"""The curated schema that a use case implies, without a look at any row; needs no TensorFlow."""

from __future__ import annotations

from typing import Literal

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from newsletter_bandit.settings.tables import EXAMPLE_COLUMNS, WAREHOUSE_TYPE
from newsletter_bandit.settings.use_case import UseCase
from serving.propensity import LARGEST

TRAINING, SERVING = "TRAINING", "SERVING"
RECOMMENDERS = "recommenders"
# A schema's bounds are allowed values, but 0 is not allowed.
LEAST_PROPENSITY = 1e-6

Kind = Literal["BYTES", "FLOAT", "INT"]
_KIND: dict[str, Kind] = {
    "STRING": "BYTES",
    "ARRAY<STRING>": "BYTES",
    "FLOAT64": "FLOAT",
    "DATE": "FLOAT",
    "BOOL": "INT",
}


def schema_text(use_case: UseCase) -> str:
    """`curated_schema` as text (.pbtxt)."""
    return str(text_format.MessageToString(curated_schema(use_case)))


def curated_schema(use_case: UseCase, inferred: schema_pb2.Schema | None = None) -> schema_pb2.Schema:
    """The schema that the use case implies.

    Columns of the contract hold exactly one value in each row and parse as dense [1] tensors, features hold
    one value or none and parse as sparse ones, `eligible_recommenders` any number. Labels exist in the
    environment TRAINING only.

    Args:
      use_case: features, recommenders and reward.
      inferred: its columns that the use case does not know are kept.
    """
    schema = schema_pb2.Schema(default_environment=[TRAINING, SERVING])
    schema.dataset_constraints.min_examples_count = 1
    # The log holds old names until the window has moved on.
    schema.string_domain.add(name=RECOMMENDERS, value=(*use_case.recommenders, *use_case.renamed))

    bounds = {
        "propensity": (LEAST_PROPENSITY, LARGEST),
        "reward": use_case.reward.bounds,
        **dict.fromkeys(use_case.reward.outcomes),
    }
    for name, type_ in use_case.example_columns.items():
        if type_.startswith("ARRAY"):
            continue
        column = _required(schema, name, _KIND[type_])
        if name in use_case.labels:
            column.not_in_environment.append(SERVING)
        if name == "recommender":
            column.domain = RECOMMENDERS
        if type_ == "BOOL":
            _bool_domain(column)
        if name in bounds:
            _float_domain(column, bounds[name])

    eligible = _optional(schema, "eligible_recommenders", _KIND[EXAMPLE_COLUMNS["eligible_recommenders"]])
    eligible.value_count.CopyFrom(schema_pb2.ValueCount(min=0))
    eligible.domain = RECOMMENDERS

    for name, feature in use_case.features.items():
        column = _optional(schema, name, _KIND[WAREHOUSE_TYPE[feature.type]])
        if feature.type == "bool":
            _bool_domain(column)
    known = {feature.name for feature in schema.feature}
    for column in inferred.feature if inferred is not None else ():
        if column.name not in known:
            kept = _optional(schema, column.name, schema_pb2.FeatureType.Name(column.type))
            kept.value_count.CopyFrom(column.value_count)
            kept.not_in_environment.append(SERVING)
    return schema


def _add(schema: schema_pb2.Schema, name: str, kind: str) -> schema_pb2.Feature:
    return schema.feature.add(name=name, type=schema_pb2.FeatureType.Value(kind))


def _required(schema: schema_pb2.Schema, name: str, kind: Kind) -> schema_pb2.Feature:
    feature = _add(schema, name, kind)
    feature.presence.min_fraction = 1.0
    feature.presence.min_count = 1
    feature.shape.dim.add(size=1)
    return feature


def _optional(schema: schema_pb2.Schema, name: str, kind: str) -> schema_pb2.Feature:
    feature = _add(schema, name, kind)
    feature.presence.min_count = 0
    feature.value_count.CopyFrom(schema_pb2.ValueCount(min=1, max=1))
    return feature


def _float_domain(feature: schema_pb2.Feature, bounds: tuple[float, float] | None) -> None:
    ends = {} if bounds is None else dict(zip(("min", "max"), bounds, strict=True))
    feature.float_domain.CopyFrom(schema_pb2.FloatDomain(**ends, disallow_nan=True, disallow_inf=True))


def _bool_domain(feature: schema_pb2.Feature) -> None:
    feature.int_domain.CopyFrom(schema_pb2.IntDomain(min=0, max=1))
