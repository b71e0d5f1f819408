"""docs/tables.md lists the columns that the code reads, with their types and whether they are needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsletter_bandit.settings.tables import (
    INFERENCE_COLUMNS,
    INGESTED,
    OPTIONAL_COLUMNS,
    RAW_COLUMNS,
    TRAINING_COLUMNS,
)
from newsletter_bandit.warehouse.ingest import ingest
from newsletter_bandit.warehouse.staging import KEY, Table
from tests.tiny import make_use_case

PAGE = (Path(__file__).parents[2] / "docs" / "tables.md").read_text(encoding="utf-8")
# A value of each type.
VALUES = {
    "text": "a",
    "number": "0.5",
    "true or false": "true",
    "date": "2026-11-18",
    "time": "2026-11-18 08:30:00",
    "list of names": "a",
    "list of numbers": "0.5",
}
CONTRACT = {"training": TRAINING_COLUMNS, "inference": INFERENCE_COLUMNS, **RAW_COLUMNS}


def types() -> dict[str, str]:
    """Type of BigQuery -> the page's word."""
    rows = re.findall(r"^\| ([a-z ]+) \| .* \| ([A-Z0-9\\<>]+) \|$", PAGE.split("## ")[0], re.M)
    return {type_.replace("\\", ""): word for word, type_ in rows}


def columns(table: str) -> dict[str, tuple[str, str]]:
    """Column -> type and need, as the page has them."""
    section = re.split(r"^## ", PAGE, flags=re.M)
    (text,) = (each for each in section if each.startswith(f"{table}\n"))
    rows = re.findall(r"^\| `(\w+)` \| ([a-z ]+) \| (needed|may be empty|optional) \| .+ \|$", text, re.M)
    assert len(rows) == text.count("\n| `")
    return {name: (type_, need) for name, type_, need in rows}


@pytest.mark.parametrize("table", INGESTED)
def test_the_page_has_each_column_with_its_type_and_the_key(table: str) -> None:
    expected = {**CONTRACT[table], **OPTIONAL_COLUMNS.get(table, {})}
    listed = columns(table)
    assert {name: type_ for name, (type_, _) in listed.items()} == {
        name: types()[type_] for name, type_ in expected.items()
    }
    assert [name for name, (_, need) in listed.items() if need == "optional"] == list(
        OPTIONAL_COLUMNS.get(table, {})
    )
    text = PAGE.split(f"\n## {table}\n")[1].split("\n## ")[0]
    keys = re.findall(
        r"`(\w+)`", re.split(r"\bkey is ", " ".join(text.split()))[1].split(". ")[0].split(":")[0]
    )
    assert tuple(keys) == KEY[table]


@pytest.mark.parametrize("table", INGESTED)
def test_a_row_is_refused_without_exactly_what_the_page_calls_needed(table: Table, tmp_path: Path) -> None:
    use_case = make_use_case(ingest={"max_rejected_share": 1.0})
    listed = columns(table)
    whole = {name: VALUES[type_] for name, (type_, _) in listed.items()}
    whole |= dict.fromkeys(use_case.features, "")
    lines = [whole] + [{**whole, name: ""} for name in listed]
    file = tmp_path / "rows.csv"
    # Keys differ, so that no row is a second one.
    for number, line in enumerate(lines):
        for name in ("user_id", "send_id"):
            if line.get(name):
                line[name] = f"{line[name]}{number}"
    file.write_text("\n".join([",".join(whole), *(",".join(line.values()) for line in lines)]) + "\n")
    report = ingest(tmp_path / "w.duckdb", use_case, table, [file])
    needed = {name for name, (_, need) in listed.items() if need == "needed"}
    assert {refusal.reason for refusal in report.refusals} == {f"{name}: empty" for name in needed}
