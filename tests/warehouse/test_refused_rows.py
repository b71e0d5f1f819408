"""How many rows may be refused, and what is said of those that are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.warehouse.common_traits import _roundest
from newsletter_bandit.warehouse.ingest import ingest
from tests.raw_rows import make_typed_use_case, write_csv
from tests.tiny import make_use_case

pytestmark = pytest.mark.database


def count(warehouse: Path) -> int:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return int(connection.execute("SELECT count(*) FROM w.tiny.training").fetchall()[0][0])


def traits(folder: Path, rows: int, change: Callable[[int], dict[str, str]]) -> dict[str, tuple[str, ...]]:
    """Reason -> traits of the refused rows, where ``change`` gives the cells of each row."""
    file = write_csv(folder / "rows.csv", *map(change, range(rows)))
    report = ingest(folder / "w.duckdb", make_typed_use_case(), "training", [file])
    return {refusal.reason: refusal.traits for refusal in report.refusals}


def test_more_refused_rows_than_allowed_load_nothing(tmp_path: Path) -> None:
    warehouse, rejects = tmp_path / "w.duckdb", tmp_path / "rejects.jsonl"
    strict = make_typed_use_case(ingest={"max_rejected_share": 0.001})
    ingest(warehouse, strict, "training", [write_csv(tmp_path / "first.csv", {"user_id": "earlier"})])
    file = write_csv(tmp_path / "rows.csv", {}, *[{"clicked": "clicked"}] * 3)
    with pytest.raises(DataError) as refused:
        ingest(warehouse, strict, "training", [file], rejects)
    message = str(refused.value)
    assert message.startswith(
        "tiny.training: 3 of 4 rows are refused, a share of 0.75; allowed: a share of 0.001 "
        "(ingest.max_rejected_share of the use case); the table stays as it was; the refused rows are in"
    )
    assert "clicked: neither true nor false: 3 rows, first" in message
    assert len(rejects.read_text().splitlines()) == 3
    assert count(warehouse) == 1
    # With --replace, too, the table is what it was.
    with pytest.raises(DataError, match="3 of 4 rows are refused"):
        ingest(warehouse, strict, "training", [file], rejects, replace=True)
    assert count(warehouse) == 1


def test_one_in_a_thousand_is_allowed(tmp_path: Path) -> None:
    strict = make_use_case(features={"height": {"type": "number"}})
    changes = [{"height": "tall"} if number == 7 else {} for number in range(1000)]
    report = ingest(tmp_path / "w.duckdb", strict, "training", [write_csv(tmp_path / "rows.csv", *changes)])
    assert (report.loaded, report.rejected) == (999, 1)


def test_the_big_spenders_have_their_bound_named(tmp_path: Path) -> None:
    def change(number: int) -> dict[str, str]:
        spend = 37.5 * number
        return {"height": f'"{spend:,.2f}"', "clicked": str(number % 2)}

    assert traits(tmp_path, 60, change) == {
        "height: not a number": ("all have height >= 1,000 (none of the kept rows has)",)
    }


def test_an_outcome_written_as_a_word_has_its_value_named(tmp_path: Path) -> None:
    assert traits(tmp_path, 60, lambda n: {"clicked": "false" if n % 4 else "clicked"}) == {
        "clicked: neither true nor false": ("all have clicked = 'clicked' (none of the kept rows has)",)
    }


def test_a_trait_of_another_column_is_found_and_an_accident_is_not(tmp_path: Path) -> None:
    def change(number: int) -> dict[str, str]:
        broken = number % 10 == 0
        return {
            "height": "n/a" if broken and number % 20 else "1e999" if broken else str(number),
            "colour": "blue" if broken else "red",
            "policy_version": "both",
        }

    assert traits(tmp_path, 100, change) == {
        "height: not a number": ("all have colour = 'blue' (none of the kept rows has)",)
    }
    few = tmp_path / "few"
    few.mkdir()
    assert traits(few, 10, change) == {"height: not a number": ()}


def test_a_trait_that_kept_rows_have_too_is_counted_or_left_out(tmp_path: Path) -> None:
    def change(number: int) -> dict[str, str]:
        broken = number < 10
        # Of 90 kept rows 4 are blue, 30 are members.
        return {
            "height": ["n/a", "?"][number % 2] if broken else "1",
            "colour": "blue" if broken or number < 14 else "red",
            "member": "1" if broken or number < 40 else "0",
        }

    assert traits(tmp_path, 100, change)["height: not a number"][-1] == (
        "all have colour = 'blue' (4.44% of the kept rows have)"
    )
    assert not any("member" in trait for trait in traits(tmp_path, 100, change)["height: not a number"])


@pytest.mark.parametrize(
    ("bound", "beyond", "expected"),
    [
        (1000.43, 999.9, 1000.0),
        (1234.5, 1230.0, 1234.0),
        (0.0123, 0.012, 0.0123),
        (5.0, -3.0, 0.0),
        (-0.57, -3.0, -0.6),
        (7.0, 6.99999, 7.0),
    ],
)
def test_the_roundest_bound(bound: float, beyond: float, expected: float) -> None:
    found = _roundest(bound, beyond)
    assert found == pytest.approx(expected)
    assert beyond < found <= bound


def test_the_files_own_name_of_the_column_is_said(tmp_path: Path) -> None:
    use_case = make_typed_use_case(
        ingest={"training": {"clicked": {"column": "geklickt"}}, "max_rejected_share": 1.0}
    )
    changes = [{"clicked": "nein" if n % 4 else "ja"} for n in range(80)] + [{"clicked": "1"}] * 20
    file = write_csv(tmp_path / "rows.csv", *changes)
    file.write_text(file.read_text().replace("clicked", "geklickt", 1))
    report = ingest(tmp_path / "w.duckdb", use_case, "training", [file])
    assert str(report.refusals[0]).startswith(
        "clicked: neither true nor false (column geklickt of the file): 80 rows, first "
    )


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"member": "abonniert"}, 'ingest.value_names of the use case, as in member: {"abonniert": true}'),
        (
            {"recommender": "Deals!"},
            'ingest.value_names of the use case, as in recommender: {"Deals!": NAME}',
        ),
        ({"eligible_recommenders": "a|z"}, "one that is missing under `recommenders`"),
        ({"height": "n/a"}, 'as in height: {"n/a": ""}, the empty cell'),
        ({"height": '"1,234.50"'}, "write numbers with a point and without separators"),
        ({"height": '"170,5"'}, "write numbers with a point and without separators"),
        ({"joined": "18.11.2026"}, "write the year first in the file: 2026-11-18, not 18.11.2026"),
        ({"sent_at": "11/18/2026 08:00"}, "write the year first in the file"),
        ({"user_id": "__ada__"}, ""),
    ],
)
def test_a_refusal_says_how_the_rows_get_in(cells: dict[str, str], words: str, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "rows.csv", {}, cells)
    (refusal,) = ingest(tmp_path / "w.duckdb", make_typed_use_case(), "training", [file]).refusals
    assert bool(refusal.remedy) == bool(words)
    assert words in str(refusal)
    # Names of types that only a database knows.
    assert not any(word in str(refusal) for word in ("FLOAT64", "BOOL", "INT64", "TIMESTAMP", "ARRAY"))


def test_a_value_that_the_remedy_maps_is_loaded(tmp_path: Path) -> None:
    names = {"clicked": {"clicked": True}, "height": {"n/a": ""}, "recommender": {"Deals!": "a"}}
    use_case = make_typed_use_case(ingest={"value_names": names})
    cells = {"clicked": "clicked", "height": "n/a", "recommender": "Deals!"}
    report = ingest(tmp_path / "w.duckdb", use_case, "training", [write_csv(tmp_path / "rows.csv", cells)])
    assert (report.loaded, report.refusals) == (1, ())
