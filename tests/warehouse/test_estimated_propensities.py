"""Propensities that `ingest` estimates: by hand, their bounds, and the mark that no use case can hide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.estimate_marks import require_said_by
from newsletter_bandit.warehouse.ingest import IngestReport, ingest
from tests.tiny import make_use_case

HEADER = "user_id,sent_at,campaign,recommender,policy_version,clicked,unsubscribed,segment,country,p,lists"
OTHER = {"propensity": {"column": "p"}}


def use_case(**source: Any) -> UseCase:
    mapping = {"estimated_by": ["segment", "country"], "min_rows": 3, **source}
    training = {"propensity": mapping, "eligible_recommenders": {"column": "lists"}}
    ingested = {"training": training, "max_rejected_share": 1.0}
    return make_use_case(features={"segment": {"type": "string"}}, ingest=ingested)


def write(folder: Path, rows: list[tuple[str, str, str, str, str]]) -> Path:
    """A log of rows of recommender, segment, country, propensity and eligible recommenders."""
    lines = [
        f"u{number},2026-11-01,c1,{arm},v1,0,0,{segment},{country},{p},{lists}"
        for number, (arm, segment, country, p, lists) in enumerate(rows)
    ]
    path = folder / "log.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def load(
    folder: Path, rows: list[tuple[str, str, str, str, str]], **source: Any
) -> tuple[list[float], IngestReport]:
    warehouse = folder / "w.duckdb"
    report = ingest(warehouse, use_case(**source), "training", [write(folder, rows)], replace=True)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        query = "SELECT propensity FROM tiny.training ORDER BY CAST(user_id[2:] AS INT)"
        return [round(p, 6) for (p,) in connection.sql(query).fetchall()], report


ROWS = [
    *[("a", "gold", "CH", "", "")] * 3,
    ("b", "gold", "CH", "", ""),
    *[("b", " gold", "", "", "")] * 3,
    ("a", "tin", "DE", "", ""),
]


def test_a_propensity_is_the_share_among_rows_that_are_alike(tmp_path: Path) -> None:
    found, report = load(tmp_path, ROWS, smoothing=0.0)
    assert found == [0.75] * 3 + [0.25] + [1.0] * 3
    (refusal,) = report.refusals
    assert (refusal.reason, refusal.rows, refusal.found) == (
        "propensity: fewer than 3 rows are alike in segment, country",
        1,
        "tin, DE",
    )
    assert report.said[-2:] == (
        "Propensities of 7 rows are ESTIMATED by segment, country: shares among 2 groups of 3 to 4 rows that "
        "are alike in these.",
        "3 of these rows are in groups that got one recommender alone, so the log does not say what another "
        "would have earned there.",
    )
    # Half of all rows show a: one more row is half an a.
    smoothed, _ = load(tmp_path, ROWS)
    assert smoothed == [0.7] * 3 + [0.3] + [round(3.5 / 4, 6)] * 3


def test_who_may_get_less_is_not_alike_and_a_logged_propensity_stays(tmp_path: Path) -> None:
    lists = [("a", "x", "CH", "", "a|b")] * 3 + [("b", "x", "CH", "", "b|a"), ("c", "x", "CH", "", "")] * 3
    found, _ = load(tmp_path, lists, smoothing=0.0)
    assert found == [0.5] * 3 + [0.5, 1.0] * 3
    logged = [("a", "x", "CH", "0.9", ""), *[("a", "x", "CH", "", "")] * 2, ("b", "x", "CH", "", "")]
    found, report = load(tmp_path, [*logged, ("a", "x", "CH", "1.5", "")], smoothing=0.0, column="p")
    assert found == [0.9, *[round(2 / 3, 6)] * 2, round(1 / 3, 6)]
    assert [each.reason for each in report.refusals] == ["propensity: outside (0, 1]"]


def test_a_table_with_estimates_takes_no_use_case_that_does_not_say_so(tmp_path: Path) -> None:
    load(tmp_path, ROWS)
    warehouse, log = tmp_path / "w.duckdb", write(tmp_path, [("a", "gold", "CH", "0.5", "")] * 9)
    silent = make_use_case(features={"segment": {"type": "string"}}, ingest={"training": OTHER})
    message = (
        r"tiny\.training: holds propensities that were estimated by segment, country, which the use case"
    )
    with pytest.raises(DataError, match=message):
        ingest(warehouse, silent, "training", [log])
    with pytest.raises(DataError, match=message):
        require_said_by(warehouse, silent)
    # Another load estimates otherwise, which is no other row.
    report = ingest(warehouse, use_case(min_rows=1), "training", [log])
    assert (report.loaded, report.already_there, report.changed) == (2, 7, 4)
    ingest(warehouse, silent, "training", [log], replace=True)
    require_said_by(warehouse, silent)


def test_a_column_that_decided_must_be_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column tier \(for propensity\); found: user_id"):
        load(tmp_path, ROWS, estimated_by=["segment", "tier"])
