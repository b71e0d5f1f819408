"""Lines of the log as files of the raw tables: what another version wrote, and what is not such a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.request_log.lines import ranking_line, reward_line
from newsletter_bandit.request_log.tables import extract
from tests.raw_rows import make_typed_use_case

ANSWER: dict[str, Any] = {
    "ranking_id": "r1",
    "user_id": "u1",
    "campaign": "c1",
    "recommenders": ["b", "a"],
    "scores": [0.5, 0.25],
    # float32 of 0.9, as the graph gives it.
    "propensities": [0.8999999761581421, 1.0],
    "explored": False,
    "model_version": "v1",
    "generated_at": "2026-11-30T08:15:02.120415Z",
}


def test_what_other_settings_and_versions_wrote(tmp_path: Path) -> None:
    """A feature that was a text then, one that is gone and one that is new; a line of a kind to come."""
    log = tmp_path / "log.jsonl"
    log.write_bytes(
        ranking_line(ANSWER, (), {"height": "tall", "gone": 1})
        + ranking_line({**ANSWER, "ranking_id": "r2"}, ["b"], {"height": 170.5})
        + reward_line("r2", "2026-11-30T08:16:00Z", {"clicked": True, "unsubscribed": False, "basket": 2})
        + b'{"kind": "of tomorrow"}\n'
        + b'{"kind": "rank'
    )
    (tmp_path / "tables").mkdir()
    found = extract([log], make_typed_use_case(), tmp_path / "tables")
    assert str(found) == (
        "2 rankings and 1 reward read from the log, 1 torn last line left out, 1 line of a later version "
        "left out."
    )
    rows = {
        table: [row for path in files for row in pq.read_table(path).to_pylist()]
        for table, files in found.files.items()
    }
    assert rows.keys() == {"sends", "contexts", "clicks", "outcomes"}
    assert rows["sends"][1] == {
        "send_id": "r2",
        "user_id": "u1",
        "sent_at": "2026-11-30T08:15:02.120415Z",
        "campaign": "c1",
        "recommender": "b",
        "propensity": 0.8999999761581421,
        "policy_version": "v1",
        "eligible_recommenders": ["b"],
    }
    # As texts, of which `ingest` refuses the one that is no number.
    assert [row["height"] for row in rows["contexts"]] == ["tall", "170.5"]
    assert [row["member"] for row in rows["contexts"]] == [None, None]
    assert "gone" not in rows["contexts"][0]
    assert rows["clicks"] == [{"send_id": "r2", "clicked_at": "2026-11-30T08:16:00Z"}]
    assert rows["outcomes"][0]["value"] == 2.0


def test_a_line_without_a_field_is_named(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(reward_line("r1", "2026-11-30T08:16:00Z", {"clicked": True}) + b'{"kind": "reward"}\n')
    with pytest.raises(DataError, match=r"log\.jsonl: line 2: no field ranking_id; found: kind"):
        extract([log], make_typed_use_case(), tmp_path)
