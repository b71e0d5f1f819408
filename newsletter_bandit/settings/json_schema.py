"""JSON Schemas of the settings files, by which editors complete and check them.

    python -m newsletter_bandit.settings.json_schema configs/json_schema

writes them anew; a test compares the written ones with the classes. A schema knows types, names, bounds and
choices. What several keys must fulfil together is checked when the file is read.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from newsletter_bandit.files import write_text
from newsletter_bandit.settings.base import Settings
from newsletter_bandit.settings.environment import Environment
from newsletter_bandit.settings.margin import Loss
from newsletter_bandit.settings.reading import AgentFile
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.world import BuiltInWorld, DeclaredWorld

# A settings file is of one class, or of one of several.
Model = type[Settings] | tuple[type[Settings], ...]
# File name -> what it describes.
SCHEMAS: Mapping[str, Model] = {
    "use_case.json": UseCase,
    "environment.json": Environment,
    "agent.json": AgentFile,
    "world.json": (BuiltInWorld, DeclaredWorld),
}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# An entry of a docstring's list: `name: text` or `name, other: text`, continued by deeper lines.
_ENTRY = re.compile(r"^  (\w+(?:, \w+)*): (.*(?:\n {3,}.*)*)", re.MULTILINE)


class _Generator(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        """A default as a file of settings holds it."""
        if isinstance(dft, Loss):
            return str(dft) if dft.share else dft.reward
        return super().encode_default(dft)


def schema(model: Model) -> dict[str, Any]:
    """The JSON Schema of a settings file."""
    whole: list[tuple[str, dict[str, Any]]] = []
    if isinstance(model, tuple):
        _, made = models_json_schema([(one, "validation") for one in model], schema_generator=_Generator)
        made["anyOf"] = [{"$ref": f"#/$defs/{one.__name__}"} for one in model]
    else:
        made = model.model_json_schema(schema_generator=_Generator)
        whole = [(model.__name__, made)]
    classes = {one.__name__: one for one in _classes(Settings)}
    for name, part in (*made.get("$defs", {}).items(), *whole):
        _describe(part, classes[name])
    _close(made)
    return {"$schema": _DIALECT, **made}


def text(model: Model) -> str:
    """The JSON Schema as its file holds it."""
    return json.dumps(schema(model), indent=1, ensure_ascii=False) + "\n"


def write(folder: Path) -> None:
    """Writes every schema to a file of ``folder``."""
    for name, model in SCHEMAS.items():
        write_text(folder / name, text(model))


def _classes(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in base.__subclasses__():
        yield one
        yield from _classes(one)


def _describe(part: dict[str, Any], model: type[BaseModel]) -> None:
    """Moves what a class says of its attributes to the properties; the pages' and Python's marks go."""
    about, _, attributes = (inspect.getdoc(model) or "").partition("\n\nAttributes:\n")
    part["description"] = _plain(about)
    for names, words in _ENTRY.findall(attributes):
        for name in names.split(", "):
            found = part["properties"][name]
            form = found.get("description")
            found["description"] = _plain(words) if form is None else f"{_plain(words)} Allowed: {form}."
    for found in part["properties"].values():
        found.pop("title", None)


def _plain(words: str) -> str:
    return " ".join(words.split()).replace("``", "`")


def _close(part: Any) -> None:
    """Refuses keys that no pattern takes; Pydantic lets them pass."""
    if isinstance(part, dict):
        if "patternProperties" in part:
            part.setdefault("additionalProperties", False)
        for inner in part.values():
            _close(inner)
    elif isinstance(part, list):
        for inner in part:
            _close(inner)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
