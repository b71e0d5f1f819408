from __future__ import annotations

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from components.curated_schema.component import CuratedSchema, Executor
from newsletter_bandit.errors import SettingsError

SCHEMA = Path(__file__).parents[2] / "configs" / "schemas" / "newsletter.pbtxt"


def test_the_text_arrives_as_it_is(tmp_path: Path) -> None:
    schema = standard_artifacts.Schema()
    schema.uri = str(tmp_path / "schema")
    Executor().Do({}, {"schema": [schema]}, CuratedSchema(SCHEMA).exec_properties)
    assert (tmp_path / "schema" / "schema.pbtxt").read_text() == SCHEMA.read_text()


def test_a_faulty_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "newsletter.pbtxt"
    with pytest.raises(SettingsError, match=r"newsletter\.pbtxt: cannot be read"):
        CuratedSchema(path)
    path.write_text('feature { name: "age" kind: FLOAT }')
    with pytest.raises(SettingsError, match=r"newsletter\.pbtxt: no schema: 1:.*allowed: a TFMD Schema"):
        CuratedSchema(path)
