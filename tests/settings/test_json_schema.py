"""JSON Schemas of the settings files: up to date, named by every file, as strict as the classes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from newsletter_bandit.settings.json_schema import SCHEMAS, text

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(CONFIGS.rglob("*.yaml"))
_FIRST_LINE = re.compile(r"# yaml-language-server: \$schema=(\S+)")


class _Yaml12(yaml.SafeLoader):
    """YAML as editors read it: no dates, no `yes`, no underscores in numbers."""


_Yaml12.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _schema(file: Path) -> tuple[str, dict[str, Any]]:
    """Name and content of the schema that a settings file names."""
    named = _FIRST_LINE.fullmatch(file.read_text().splitlines()[0])
    assert named, f"{file}: the first line names no schema"
    path = (file.parent / named[1]).resolve()
    assert path.parent == CONFIGS / "json_schema"
    return path.name, json.loads(path.read_text())


def _content(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.load(file.read_text(), Loader=_Yaml12)
    return content


def _with(content: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a path such as `gate.min_rows`."""
    changed: dict[str, Any] = json.loads(json.dumps(content))
    *parents, last = key.split("/")
    inner = changed
    for parent in parents:
        inner = inner.setdefault(parent, {})
    inner[last] = value
    return changed


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_that_of_its_class(name: str) -> None:
    written = (CONFIGS / "json_schema" / name).read_text()
    assert written == text(SCHEMAS[name]), "renew the schemas with `make json-schema`"
    jsonschema.Draft202012Validator.check_schema(json.loads(written))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONFIGS)))
def test_every_shipped_file_names_its_schema_and_fits_it(file: Path) -> None:
    name, schema = _schema(file)
    expected = {
        "environments": "environment.json",
        "agents": "agent.json",
        "worlds": "world.json",
    }.get(file.parent.name, "use_case.json")
    assert name == expected
    errors = [
        f"{error.json_path}: {error.message}"
        for error in jsonschema.Draft202012Validator(schema).iter_errors(_content(file))
    ]
    assert errors == []


@pytest.mark.parametrize(
    ("file", "key", "value", "fits"),
    [
        ("newsletter.yaml", "gate/allowed_margin", "10%", True),
        ("newsletter.yaml", "gate/allowed_margin", "99.5 %", True),
        ("newsletter.yaml", "gate/allowed_margin", 0.015, True),
        ("newsletter.yaml", "gate/allowed_margin", "100%", False),
        ("newsletter.yaml", "gate/allowed_margin", "ten", False),
        ("newsletter.yaml", "gate/allowed_margin", -0.1, False),
        ("newsletter.yaml", "gate/max_unsubscribe_ratio", None, True),
        ("newsletter.yaml", "gate/min_rows", 0, False),
        ("newsletter.yaml", "gates", {}, False),
        ("newsletter.yaml", "agent", {"type": "lin_ucb", "alpha": 0.1}, True),
        ("newsletter.yaml", "agent", {"type": "lin_ucb", "temperature": 0.1}, False),
        ("newsletter.yaml", "agent", {"type": "linucb"}, False),
        ("newsletter.yaml", "features/2nd_colour", {"type": "string"}, False),
        ("newsletter.yaml", "features/colour", {"type": "number", "treatment": "vocabulary"}, False),
        ("newsletter.yaml", "window/anchor", "2026-01-05", True),
        ("newsletter.yaml", "recommenders", [1, "deals"], False),
        ("newsletter.yaml", "exploration/new_arm/until_rows", 0, True),
        ("newsletter.yaml", "refit", "all_rows", True),
        ("newsletter.yaml", "refit", {"rows": "all_rows", "max_estimate_difference": "15%"}, True),
        ("newsletter.yaml", "refit", "some_rows", False),
        ("hillstrom.yaml", "ingest/training/clicked", {"constant": False}, True),
        ("hillstrom.yaml", "ingest/training/clicked", {"columns": "visit"}, False),
        ("environments/local.yaml", "warehouse", {"kind": "duckdb"}, True),
        ("environments/local.yaml", "warehouse", {"kind": "bigquery"}, False),
        ("environments/local.yaml", "store", {"kind": "sqlite", "project": "my-project"}, False),
        ("environments/vertex.yaml", "vertex/labels", {"Use": "x"}, False),
        ("environments/vertex.yaml", "store/namespace", None, True),
    ],
)
def test_a_schema_and_its_class_agree(file: str, key: str, value: Any, fits: bool) -> None:
    name, schema = _schema(CONFIGS / file)
    content = _with(_content(CONFIGS / file), key, value)
    assert jsonschema.Draft202012Validator(schema).is_valid(content) is fits
    try:
        SCHEMAS[name].model_validate(content)
    except ValidationError:
        assert not fits
    else:
        assert fits


def test_keys_are_described_by_their_docstrings_and_defaults_are_as_in_a_file() -> None:
    schema = json.loads((CONFIGS / "json_schema" / "use_case.json").read_text())
    freshness = schema["$defs"]["Freshness"]
    assert freshness["description"] == "Bounds of age, in days."
    assert freshness["properties"]["expires_after_days"]["description"] == (
        "a stored ranking is served for so long, from the day that it was made for."
    )
    assert schema["$defs"]["Exploration"]["properties"]["max_cost"]["default"] == "15%"
