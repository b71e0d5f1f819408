"""Adds a recommender's name to those that a curated schema allows, in a text that keeps what people wrote."""

from __future__ import annotations

import re

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.example_validator.implied_schema import RECOMMENDERS
from newsletter_bandit.errors import SettingsError

_DOMAIN = re.compile(r"^string_domain\s*\{[^{}]*\}", re.MULTILINE)
_VALUE = re.compile(r"^.*\bvalue:.*$", re.MULTILINE)


def with_recommender(text: str, name: str, source: str) -> str:
    """The text of a schema (.pbtxt) that allows one more recommender.

    Args:
      text: the schema; one without a domain of recommenders allows any, and stays as it is.
      name: the recommender's name; one that is there already stays as it is.
      source: file of the schema, which a refusal names.

    Raises:
      SettingsError: it is no schema, or laid out in a way that cannot be kept.
    """
    schema = _parsed(text, source)
    domain = next((one for one in schema.string_domain if one.name == RECOMMENDERS), None)
    if domain is None or name in domain.value:
        return text
    domain.value.append(name)
    line = text_format.MessageToString(schema_pb2.StringDomain(value=[name])).strip()
    for block in _DOMAIN.finditer(text):
        values = list(_VALUE.finditer(block[0]))
        if f'name: "{RECOMMENDERS}"' not in block[0] or not values:
            continue
        at = block.start() + values[-1].end()
        indent = " " * (len(values[-1][0]) - len(values[-1][0].lstrip()))
        changed = f"{text[:at]}\n{indent}{line}{text[at:]}"
        if _parsed(changed, source) == schema:
            return changed
    raise SettingsError(
        f"{source}: its layout cannot be kept; nothing was written; by hand: add `{line}` to the "
        f'string_domain "{RECOMMENDERS}"'
    )


def _parsed(text: str, source: str) -> schema_pb2.Schema:
    try:
        return text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise SettingsError(f"{source}: not a schema: {error}") from error
