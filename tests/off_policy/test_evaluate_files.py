"""A logged table's files as people have them, and how many users stand behind its rows."""

from __future__ import annotations

import traceback
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.off_policy.logged_table import Bounds, evaluate
from newsletter_bandit.off_policy.logged_table.reading import LoggedTable
from tests.log_files import ANY, COLUMNS, options, random_log, write


def test_blanks_around_texts_are_removed_and_counted(tmp_path: Path) -> None:
    log = random_log(1, 300)
    columns = replace(COLUMNS, user="user", slices=("segment",))
    plain = evaluate([write(tmp_path / "plain.csv", log)], columns, options())
    padded = log | {
        "user": [f" {user}" if i < 20 else user for i, user in enumerate(log["user"])],
        "segment": [f"{segment} " if i % 2 else segment for i, segment in enumerate(log["segment"])],
    }
    path = write(tmp_path / "padded.csv", padded)
    found = evaluate([path], columns, options())
    assert (found.overall, found.slices) == (plain.overall, plain.slices)
    assert found.notes[0] == f"{path}: blanks were removed around values: 20 of user, 150 of segment."


def test_the_dialect_and_the_index_of_pandas_are_said(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(";action;reward;p;pi\n" + "".join(f"{i};a;{i % 2};0.5;0.5\n" for i in range(40)))
    assert evaluate([path], COLUMNS, options()).notes == (
        f"{path}: columns are separated by a semicolon.",
        f"{path}: column 1 has no name, as pandas writes its index; it is left out.",
    )


def test_a_file_given_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", random_log(2, 100))
    copy = tmp_path / "copy.csv"
    copy.write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=r"log\.csv: is given twice, so its rows would count twice"):
        evaluate([path, path], COLUMNS, options())
    with pytest.raises(DataError, match=r"copy\.csv: has the content of .*log\.csv, so"):
        evaluate([path, copy], COLUMNS, options())


def test_no_row_reaches_a_message_or_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("action,reward,p,pi\na,1,.5,.5\nada@example.org\n" + "x" * 3_000_000 + "\n")
    with pytest.raises(DataError) as refused:
        evaluate([path], COLUMNS, options())
    said = "cannot be read: line 3: found 1 cell; allowed: 4, as in the header"
    assert str(refused.value) == f"{path}: {said}"
    # A log holds the traceback, with the errors that led to this one.
    assert "ada@" not in "".join(traceback.format_exception(refused.value))


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"action,reward,p,pi\na,1,{'5' * 5000}x,.5\n")
    with pytest.raises(DataError) as refused:
        evaluate([path], COLUMNS, options())
    assert len(str(refused.value)) < len(str(path)) + 200


# --- users --------------------------------------------------------------------------------------------------


def test_one_user_cannot_tell_however_many_rows_there_are(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", random_log(3, 5000) | {"user": ["ada"] * 5000})
    found = evaluate([path], replace(COLUMNS, user="user"))
    assert found.verdict == "cannot_tell"
    assert found.reasons == ("1 user says nothing about others, however many rows they have",)
    (check,) = [check for check in found.checks if check.name == "users"]
    assert (check.figure, check.relation, check.bound, check.passed) == (1.0, ">=", 30.0, False)


def test_the_bound_of_users_is_an_option(tmp_path: Path) -> None:
    users = [f"u{i % 29}" for i in range(5000)]
    path = write(tmp_path / "log.csv", random_log(3, 5000) | {"user": users})
    columns = replace(COLUMNS, user="user")
    assert evaluate([path], columns).reasons[0].startswith("29 users say nothing about others")
    assert evaluate([path], columns, options(bounds=Bounds(min_users=29))).supported
    assert not evaluate([path], columns, options(bounds=replace(ANY, min_users=30))).supported
    with pytest.raises(SettingsError, match="`min_users`: found 0; allowed: 1 or more"):
        Bounds(min_users=0)


def test_without_a_column_of_users_there_is_no_such_check(tmp_path: Path) -> None:
    found = evaluate([write(tmp_path / "log.csv", random_log(3, 5000))], COLUMNS)
    assert found.supported
    assert "users" not in {check.name for check in found.checks}


def test_users_of_rankings_are_counted(tmp_path: Path) -> None:
    log = random_log(4, 200) | {"slate": [f"s{i // 2}" for i in range(200)], "place": [0, 1] * 100}
    log["user"] = [f"u{i // 2 % 7}" for i in range(200)]
    columns = replace(COLUMNS, slate="slate", position="place", user="user")
    path = write(tmp_path / "log.csv", log)
    found = evaluate([path], columns, options(click_model="cascade", bounds=replace(ANY, min_users=8)))
    assert [check.figure for check in found.checks if check.name == "users"] == [7.0]


@pytest.mark.parametrize("users", [29, 4095, 60_000])
def test_users_are_counted_exactly_while_they_are_few(tmp_path: Path, users: int) -> None:
    rows = np.arange(2 * users) % users
    log = {"action": ["a"] * len(rows), "reward": [1.0] * len(rows), "p": [0.5] * len(rows)}
    log |= {"pi": log["p"], "user": [f"user {row}" for row in rows]}
    table = LoggedTable([write(tmp_path / "log.parquet", log)], replace(COLUMNS, user="user"))
    for _ in range(2):
        assert sum(len(rows) for rows in table.batches(7_000)) == 2 * users
        assert table.users == (users if users < 4096 else pytest.approx(users, rel=0.06))
