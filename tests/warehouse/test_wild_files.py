"""Files as people have them: blanks, pandas' flags and index, semicolons, values with names of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.ingest import IngestReport, ingest
from tests.raw_rows import ROW, make_typed_use_case, write_csv

pytestmark = pytest.mark.database


def loaded(folder: Path, use_case: UseCase, file: Path) -> tuple[list[dict[str, Any]], IngestReport]:
    """The training table's rows after ingesting the file alone, and the report."""
    report = ingest(folder / "w.duckdb", use_case, "training", [file])
    with duckdb.connect(str(folder / "w.duckdb"), read_only=True) as connection:
        rows = connection.sql("SELECT * FROM w.tiny.training ORDER BY user_id").to_arrow_table().to_pylist()
    return rows, report


def test_blanks_around_texts_are_removed_and_counted(tmp_path: Path, use_case: UseCase) -> None:
    file = write_csv(
        tmp_path / "rows.csv",
        {"user_id": " u1\u00a0", "recommender": "a "},
        {"recommender": "b ", "colour": "   ", "eligible_recommenders": "a | b"},
        {"propensity": " 0.25 ", "clicked": " true"},
    )
    rows, report = loaded(tmp_path, use_case, file)
    assert report.rejected == 0
    assert [(row["user_id"], row["recommender"], row["propensity"]) for row in rows] == [
        ("u1", "a", 0.5),
        ("u2", "b", 0.5),
        ("u3", "a", 0.25),
    ]
    assert (rows[1]["colour"], rows[1]["eligible_recommenders"]) == (None, ["a", "b"])
    assert report.said == (
        f"{file}: blanks were removed around values: 1 of user_id, 2 of recommender, 1 of propensity, "
        "1 of clicked, 1 of colour.",
    )


def test_ids_that_differ_by_blanks_are_one_id(tmp_path: Path, use_case: UseCase) -> None:
    file = write_csv(tmp_path / "rows.csv", {"user_id": "u1"}, {"user_id": "u1 "})
    rows, report = loaded(tmp_path, use_case, file)
    assert len(rows) == 1
    assert [refusal.reason for refusal in report.refusals] == [
        "user_id: a second row of the same user_id, campaign, sent_at"
    ]


def test_semicolons_an_index_and_flags_that_pandas_wrote(tmp_path: Path, use_case: UseCase) -> None:
    columns = list(ROW)
    lines = [";".join(["", *columns])]
    for number, flag in enumerate(("1.0", "0.0", "True", "False")):
        row = {**ROW, "user_id": f"u{number}", "clicked": flag, "member": flag}
        lines.append(";".join([str(number), *(row[name] for name in columns)]))
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(lines) + "\n")
    rows, report = loaded(tmp_path, use_case, file)
    assert [row["clicked"] for row in rows] == [row["member"] for row in rows] == [True, False, True, False]
    assert report.said == (
        f"{file}: columns are separated by a semicolon.",
        f"{file}: column 1 has no name, as pandas writes its index; it is left out.",
    )


def test_half_a_click_is_no_flag(tmp_path: Path, use_case: UseCase) -> None:
    _, report = loaded(tmp_path, use_case, write_csv(tmp_path / "rows.csv", {}, {"clicked": "0.5"}))
    assert [refusal.reason for refusal in report.refusals] == ["clicked: neither true nor false"]


def test_values_have_names(tmp_path: Path) -> None:
    use_case = make_typed_use_case(
        recommenders=["Für dich – 50% off", "b", "c"],
        default_ranking=["b"],
        ingest={
            "value_names": {
                "recommender": {"1": "Für dich – 50% off", "2": "b"},
                "clicked": {"clicked": True, "": False},
                "height": {"unknown": "", "tall": 190.5},
            }
        },
    )
    file = write_csv(
        tmp_path / "rows.csv",
        {"recommender": "1", "clicked": "clicked", "height": "tall"},
        {"recommender": "2", "clicked": "", "height": "unknown", "eligible_recommenders": "1|2|c"},
        {"recommender": "c", "clicked": "1"},
    )
    rows, report = loaded(tmp_path, use_case, file)
    assert report.rejected == 0
    assert [row["recommender"] for row in rows] == ["Für dich – 50% off", "b", "c"]
    assert [row["clicked"] for row in rows] == [True, False, True]
    assert [row["height"] for row in rows] == [190.5, None, 170.5]
    assert rows[1]["eligible_recommenders"] == ["Für dich – 50% off", "b", "c"]


def test_numbers_and_lists_of_a_parquet_file_have_names(tmp_path: Path) -> None:
    use_case = make_typed_use_case(ingest={"value_names": {"recommender": {"1": "a", "2": "b"}}})
    columns = {name: [value or None] * 2 for name, value in ROW.items()} | {
        "user_id": ["u1", "u2"],
        "recommender": pa.array([1, 2]),
        "eligible_recommenders": pa.array([["1", "2 "], None], pa.list_(pa.string())),
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    rows, _ = loaded(tmp_path, use_case, tmp_path / "rows.parquet")
    assert [row["recommender"] for row in rows] == ["a", "b"]
    assert rows[0]["eligible_recommenders"] == ["a", "b"]


def test_the_same_file_twice_is_refused(tmp_path: Path, use_case: UseCase) -> None:
    file = write_csv(tmp_path / "rows.csv", {})
    with pytest.raises(DataError, match="is given twice, so its rows would count twice"):
        ingest(tmp_path / "w.duckdb", use_case, "training", [file, file])
