"""Everything that `evaluate` refuses, and what it says: file, column, row, found, allowed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.off_policy.logged_table import Bounds, Columns, Options, evaluate
from tests.log_files import COLUMNS, FOUR_ROWS, options, write

PATTERN = Columns("action", "reward", "p", evaluation_probabilities="pi_{action}")
PI = {"pi_a": [0.8, 0.8, 0.8, 0.9], "pi_b": [0.2, 0.2, 0.2, 0.1]}
RANKED = replace(COLUMNS, slate="slate", position="place")
RANKINGS = {"slate": ["s", "s", "t", "t"], "place": [1, 2, 1, 2]}


def changed(column: str, row: int, value: Any) -> dict[str, list[Any]]:
    """Four rows of which one, counted from 1, holds another value."""
    values: list[Any] = list((FOUR_ROWS | PI)[column])
    values[row - 1] = value
    return FOUR_ROWS | PI | {column: values}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(
    ("column", "row", "value", "found", "allowed"),
    [
        ("action", 2, None, "nothing", "a value"),
        ("reward", 3, None, "nothing", "a finite number"),
        ("reward", 4, float("nan"), "'nan'", "a finite number"),
        ("reward", 1, float("inf"), "'inf'", "a finite number"),
        ("reward", 2, 7.5, "'7.5'", "0 to 1, the reward range"),
        ("p", 2, None, "nothing", "a finite number"),
        ("p", 1, 0.0, "'0", "more than 0 and at most 1"),
        ("p", 4, 1.25, "'1.25'", "more than 0 and at most 1"),
        ("p", 3, -0.5, "'-0.5'", "more than 0 and at most 1"),
        ("pi", 2, 1.5, "'1.5'", "0 to 1"),
        ("pi", 2, -0.1, "'-0.1'", "0 to 1"),
    ],
)
def test_a_cell_that_cannot_be_used(
    tmp_path: Path, suffix: str, column: str, row: int, value: Any, found: str, allowed: str
) -> None:
    path = write(tmp_path / f"log{suffix}", changed(column, row, value))
    with pytest.raises(DataError) as refused:
        evaluate([path], COLUMNS, options(reward_range=(0.0, 1.0), batch_rows=2))
    message = str(refused.value)
    assert message.startswith(f"{path}: column {column}, row {row}: found {found}")
    assert message.endswith(f"allowed: {allowed}")


def test_a_word_in_a_column_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("action,reward,p,pi\na,1,0.5,0.5\na,NA,0.5,0.5\n")
    with pytest.raises(
        DataError, match=r"log.csv: column reward, row 2: found 'NA'; allowed: a finite number"
    ):
        evaluate([path], COLUMNS, options())


def test_the_row_of_the_second_file_is_counted_in_that_file(tmp_path: Path) -> None:
    good, bad = write(tmp_path / "good.csv", FOUR_ROWS), write(tmp_path / "bad.csv", changed("p", 3, 2.0))
    with pytest.raises(DataError, match=r"bad.csv: column p, row 3: found '2"):
        evaluate([good, bad], COLUMNS, options())


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    def refusal(path: Path) -> str:
        with pytest.raises(DataError) as refused:
            evaluate([path], COLUMNS, options())
        assert str(refused.value).startswith(str(path))
        return str(refused.value)

    assert "no such file" in refusal(tmp_path / "missing.csv")
    (tmp_path / "log.json").write_text("{}")
    assert "found .json; allowed: .csv, .csv.gz, .tsv, .parquet" in refusal(tmp_path / "log.json")
    (tmp_path / "no.parquet").write_text("not parquet")
    assert "cannot be read" in refusal(tmp_path / "no.parquet")
    (tmp_path / "empty.csv").write_text("")
    assert "empty; allowed: a line of column names" in refusal(tmp_path / "empty.csv")
    (tmp_path / "ragged.csv").write_text("action,reward,p,pi\na,1,0.5,0.5\na,1\n")
    assert "cannot be read" in refusal(tmp_path / "ragged.csv")
    (tmp_path / "latin.csv").write_bytes(b"action,reward,p,pi\ncaf\xe9,1,0.5,0.5\n")
    assert "cannot be read" in refusal(tmp_path / "latin.csv")
    (tmp_path / "header.csv").write_text("action,reward,p,pi\n")
    assert "no row; allowed: one row per decision" in refusal(tmp_path / "header.csv")
    (tmp_path / "twice.csv").write_text("action,reward,p,p,pi\na,1,0.5,0.5,0.5\n")
    assert "column p stands twice" in refusal(tmp_path / "twice.csv")
    path = write(tmp_path / "log.csv", {name: values for name, values in FOUR_ROWS.items() if name != "p"})
    assert "no column p; found: action, reward, pi, expected, q" in refusal(path)
    dated = write(tmp_path / "dated.parquet", FOUR_ROWS | {"p": [["x"]] * 4})
    assert "column p: found VARCHAR[]; allowed: numbers" in refusal(dated)


def test_distributions_that_are_none(tmp_path: Path) -> None:
    path = write(tmp_path / "sum.csv", FOUR_ROWS | PI | {"pi_b": [0.2, 0.3, 0.2, 0.1]})
    with pytest.raises(
        DataError, match=r"sum.csv: row 2: the 2 evaluation probabilities sum to 1.1; allowed: 1"
    ):
        evaluate([path], PATTERN, options())
    path = write(tmp_path / "unknown.csv", changed("action", 3, "c"))
    with pytest.raises(
        DataError, match=r"column action, row 3: found 'c'; allowed: an action with a column: a, b"
    ):
        evaluate([path], PATTERN, options())
    with pytest.raises(DataError, match=r"no column like chance_\{action\}; found: action"):
        evaluate([path], replace(PATTERN, evaluation_probabilities="chance_{action}"), options())
    other = write(tmp_path / "other.csv", FOUR_ROWS | {"pi_a": [1.0] * 4, "action": ["a"] * 4})
    good = write(tmp_path / "good.csv", FOUR_ROWS | PI)
    with pytest.raises(
        DataError, match=r"other.csv: evaluation probabilities of a; allowed: of the same actions"
    ):
        evaluate([good, other], PATTERN, options())


def test_rankings_whose_places_do_not_fit(tmp_path: Path) -> None:
    path = write(tmp_path / "twice.csv", FOUR_ROWS | RANKINGS | {"place": [1, 1, 1, 2]})
    with pytest.raises(DataError, match=r"twice.csv: column place: two rows of slate 's' share a position"):
        evaluate([path], RANKED, options(click_model="cascade"))
    many = {name: values[:1] * 101 for name, values in FOUR_ROWS.items()}
    path = write(tmp_path / "long.csv", many | {"slate": ["s"] * 101, "place": list(range(101))})
    with pytest.raises(DataError, match="'s' stands in 101 rows; allowed: rankings of 100 positions at most"):
        evaluate([path], RANKED, options(click_model="cascade"))
    path = write(tmp_path / "null.csv", FOUR_ROWS | RANKINGS | {"place": [1, 2, 1, None]})
    with pytest.raises(DataError, match="column place, row 4: found nothing; allowed: a finite number"):
        evaluate([path], RANKED, options(click_model="cascade"))


def test_more_folds_than_users(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", FOUR_ROWS | PI | {"user": ["u"] * 4})
    columns = replace(PATTERN, context=("q",), user="user")
    with pytest.raises(DataError, match="4 rows cannot be dealt into 3 folds by user"):
        evaluate([path], columns, options())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"evaluation_probability": None},
            "evaluation policy: found none; allowed: one of `evaluation_probability`",
        ),
        (
            {"evaluation_action": "q"},
            "found `evaluation_probability` and `evaluation_action`; allowed: one of",
        ),
        (
            {"evaluation_probability": None, "evaluation_probabilities": "pi"},
            "`evaluation_probabilities`: found 'pi'",
        ),
        ({"expected_reward": "expected"}, "`expected_reward`, `reward_estimate`: found one of them"),
        (
            {"context": ("q",)},
            "`context`: a cross-fitted reward model needs the evaluation policy's probability",
        ),
        (
            {"context": ("q",), "expected_reward": "expected", "reward_estimate": "q"},
            "`context`: a reward model was given",
        ),
        (
            {"propensity": None},
            "`propensity`: missing; allowed: a column, or a `context` to estimate it from",
        ),
        ({"slate": "s"}, "`slate`, `position`: found one of them; allowed: both or neither"),
        (
            {"slate": "s", "position": "place", "expected_reward": "expected", "reward_estimate": "q"},
            "`slate`: rankings are evaluated by importance weights alone",
        ),
    ],
)
def test_columns_that_do_not_go_together(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        replace(COLUMNS, **changes)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight_clip": 0.0}, "`weight_clip`: found 0; allowed: more than 0"),
        ({"confidence": 1.0}, "`confidence`: found 1; allowed: more than 0 and less than 1"),
        ({"reward_range": (1.0, 0.0)}, "`reward_range`: found 1 0; allowed: finite, the smaller first"),
        ({"interval": "guess"}, "`interval`: found guess; allowed: normal, gamma"),
        ({"interval": "clopper_pearson"}, "`interval` clopper_pearson: holds for rewards in a known range"),
        ({"folds": 1}, "`folds`: found 1; allowed: 2 or more"),
    ],
)
def test_options_outside_their_range(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Options(**changes)
    assert message in str(refused.value)


def test_bounds_outside_their_range() -> None:
    with pytest.raises(SettingsError, match=r"`max_weight`: found 0.5; allowed: 1 or more"):
        Bounds(max_weight=0.5)


def test_a_click_model_and_rankings_need_each_other(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", FOUR_ROWS | RANKINGS)
    with pytest.raises(SettingsError, match="`click_model`: rankings need it beside `slate` and `position`"):
        evaluate([path], RANKED, options())
    with pytest.raises(SettingsError, match="`click_model`: rankings need it"):
        evaluate([path], COLUMNS, options(click_model="cascade"))
    with pytest.raises(SettingsError, match="found magic; allowed: independent, cascade, standard"):
        evaluate([path], RANKED, options(click_model="magic"))
