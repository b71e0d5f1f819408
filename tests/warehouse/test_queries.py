"""The rendered SQL: its text for both warehouses, and its figures against Python."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.environment import BigQueryWarehouse, DuckDBWarehouse
from newsletter_bandit.settings.reading import load_use_case
from newsletter_bandit.settings.reward import Reward
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse import queries
from newsletter_bandit.warehouse.embedded import read_batches
from newsletter_bandit.warehouse.translate import to_duckdb
from tests.tiny import make_use_case

DUCKDB = DuckDBWarehouse(kind="duckdb")
BIGQUERY = BigQueryWarehouse(kind="bigquery", project="my-project")
START, END = dt.date(2024, 1, 8), dt.date(2024, 2, 5)
CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@pytest.mark.parametrize("name", ["newsletter", "hillstrom"])
def test_the_training_query_names_the_contract_and_each_feature_in_order(name: str) -> None:
    use_case = load_use_case(CONFIGS / f"{name}.yaml")
    columns = _columns(queries.render_training_query(use_case, DUCKDB, START, END))
    contract = ["user_id", "campaign", "recommender", "propensity", "policy_version", "eligible_recommenders"]
    assert columns == [*contract, "clicked", "unsubscribed", "reward", *use_case.features]


def test_the_inference_query_has_neither_label_nor_action(use_case: UseCase) -> None:
    columns = _columns(queries.render_inference_query(use_case, DUCKDB, START))
    assert columns == ["user_id", "campaign", "eligible_recommenders", *use_case.features]


def test_bigquery_tables_carry_the_project(use_case: UseCase) -> None:
    query = queries.render_training_query(use_case, BIGQUERY, START, END)
    assert "FROM `my-project.tiny.training`" in query
    assert "FROM `tiny.training`" in queries.render_training_query(use_case, DUCKDB, START, END)


def test_the_campaigns_query_has_the_words_of_the_use_case() -> None:
    visits = make_use_case(words={"unit": "visit", "sent": "served"})
    text = queries.render_campaigns_query(visits, DUCKDB, START, END)
    assert text.splitlines()[0].endswith(f"with visits served from {START} to before {END} (UTC).")


def test_another_date_is_another_query(use_case: UseCase) -> None:
    numbers_only = make_use_case(features={"height": {"type": "number"}})
    day = dt.timedelta(days=1)
    for case in (use_case, numbers_only):
        first = queries.render_inference_query(case, DUCKDB, START)
        assert first != queries.render_inference_query(case, DUCKDB, START + day)
        assert START.isoformat() in first


def test_a_query_beside_the_settings_comes_first_and_the_others_stay(
    tmp_path: Path, use_case: UseCase
) -> None:
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "training.sql").write_text("SELECT user_id FROM {{ table }}")
    assert queries.render_training_query(use_case, DUCKDB, START, END, tmp_path) == (
        "SELECT user_id FROM `tiny.training`"
    )
    assert queries.render_inference_query(use_case, DUCKDB, START, tmp_path) == (
        queries.render_inference_query(use_case, DUCKDB, START)
    )


def test_queries_of_a_use_case_of_its_own_come_before_the_shared_ones(
    tmp_path: Path, use_case: UseCase
) -> None:
    (tmp_path / "queries" / "tiny").mkdir(parents=True)
    # A whole query, and a part that the shared queries include.
    (tmp_path / "queries" / "tiny" / "inference.sql").write_text("SELECT user_id FROM {{ table }}")
    (tmp_path / "queries" / "tiny" / "_reward.sql").write_text(
        "{% macro reward_of(reward) %}visits{% endmacro %}{% macro known(reward) %}TRUE{% endmacro %}"
    )
    assert queries.render_inference_query(use_case, DUCKDB, START, tmp_path) == (
        "SELECT user_id FROM `tiny.inference`"
    )
    assert "visits AS reward" in queries.render_training_query(use_case, DUCKDB, START, END, tmp_path)
    other = use_case.model_copy(update={"name": "other"})
    for render in (queries.render_training_query, queries.render_arms_query):
        assert render(other, DUCKDB, START, END, tmp_path) == render(other, DUCKDB, START, END)


@pytest.mark.parametrize(
    ("counts", "clicked", "unsubscribed", "reward"),
    [
        ("after_click", True, True, -2.0),
        ("after_click", True, False, 1.0),
        ("after_click", False, True, 0.0),
        ("after_click", False, False, 0.0),
        ("any", True, True, -2.0),
        ("any", True, False, 1.0),
        ("any", False, True, -2.0),
        ("any", False, False, 0.0),
    ],
)
def test_an_unsubscribe_that_counts_outweighs_a_click(
    tmp_path: Path, use_case: UseCase, counts: str, clicked: bool, unsubscribed: bool, reward: float
) -> None:
    path = _warehouse(tmp_path, "TIMESTAMPTZ '2024-01-10 08:00:00+00'", f"{clicked}", f"{unsubscribed}")
    terms = {"clicked": 1.0, "unsubscribed": {"weight": -2.0, "counts": counts}}
    rewards = Reward.model_validate({"terms": terms})
    (row,) = _training_rows(path, use_case.model_copy(update={"reward": rewards}))
    assert row["reward"] == reward
    assert (row["clicked"], row["unsubscribed"]) == (int(clicked), int(unsubscribed))


def test_nulls_stay_null(tmp_path: Path, use_case: UseCase) -> None:
    path = _warehouse(tmp_path, "TIMESTAMPTZ '2024-01-10 08:00:00+00'")
    (row,) = _training_rows(path, use_case)
    assert [row[name] for name in ("colour", "height", "joined", "member")] == [None] * 4
    assert row["eligible_recommenders"] is None


@pytest.mark.parametrize(
    ("sent_at", "inside"),
    [
        ("2024-01-07 23:59:59.999999+00", False),
        ("2024-01-08 00:00:00+00", True),
        ("2024-02-04 23:59:59.999999+00", True),
        ("2024-02-05 00:00:00+00", False),
        ("2024-01-08 01:00:00+02", False),
    ],
)
def test_the_window_holds_its_first_day_and_not_its_end_in_utc(
    tmp_path: Path, use_case: UseCase, sent_at: str, inside: bool
) -> None:
    path = _warehouse(tmp_path, f"TIMESTAMPTZ '{sent_at}'")
    assert len(_training_rows(path, use_case)) == inside


# Leap days, year ends and a date after the newsletter are within these ranges.
_MOMENTS = st.datetimes(dt.datetime(2023, 12, 20), dt.datetime(2024, 3, 10), timezones=st.just(dt.UTC))
_DATES = st.dates(dt.date(1950, 1, 1), dt.date(2024, 12, 31))


@settings(max_examples=30)
@given(rows=st.lists(st.tuples(_MOMENTS, _DATES), min_size=1, max_size=20))
def test_days_before_the_newsletter_are_those_of_python(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[dt.datetime, dt.date]]
) -> None:
    path = _warehouse(tmp_path_factory.mktemp("days"), "TIMESTAMPTZ '2024-01-10 08:00:00+00'")
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("DELETE FROM tiny.training")
        connection.executemany("INSERT INTO tiny.training (sent_at, joined) VALUES (?, ?)", rows)
    use_case = make_use_case(
        features={name: {"type": kind} for name, kind in {"joined": "date", "height": "number"}.items()}
    )
    query = queries.render_training_query(use_case, DUCKDB, dt.date(2023, 12, 1), dt.date(2024, 4, 1))
    found = [row["joined"] for batch in read_batches(path, query) for row in batch.to_pylist()]
    assert found == [float((sent_at.date() - joined).days) for sent_at, joined in rows]


def test_inference_dates_are_relative_to_the_run_date(tmp_path: Path, use_case: UseCase) -> None:
    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA tiny")
        connection.execute(
            "CREATE TABLE tiny.inference AS SELECT 'u' AS user_id, 'c' AS campaign, "
            "['a'] AS eligible_recommenders, 'red' AS colour, 1.5::DOUBLE AS height, "
            "DATE '2024-02-28' AS joined, true AS member"
        )
    query = queries.render_inference_query(use_case, DUCKDB, dt.date(2024, 3, 1))
    (row,) = [row for batch in read_batches(path, query) for row in batch.to_pylist()]
    assert row == {
        "user_id": "u",
        "campaign": "c",
        "eligible_recommenders": ["a"],
        "colour": "red",
        "height": 1.5,
        "joined": 2.0,
        "member": 1,
    }


def test_refusals(tmp_path: Path, use_case: UseCase) -> None:
    with pytest.raises(SettingsError, match="2024-01-08 to before 2024-01-08 holds no day"):
        queries.render_training_query(use_case, DUCKDB, START, START)
    bare = make_use_case(tables={"training": "training", "inference": "inference"})
    with pytest.raises(SettingsError, match=r"'training'; allowed with BigQuery: dataset\.table"):
        queries.render_training_query(bare, BIGQUERY, START, END)
    twins = make_use_case(features={"age": {"type": "number"}, "Age": {"type": "number"}})
    with pytest.raises(SettingsError, match="'Age' and 'age' are one column"):
        queries.render_inference_query(twins, DUCKDB, START)
    with pytest.raises(TypeError, match=r"allowed: a datetime\.date"):
        queries.render_inference_query(use_case, DUCKDB, dt.datetime(2024, 1, 8))

    (tmp_path / "queries").mkdir()
    own = tmp_path / "queries" / "training.sql"
    own.write_text("SELECT user_id FROM {{ tabel }}")
    with pytest.raises(SettingsError, match=r"training\.sql: 'tabel' is undefined; allowed: .*table"):
        queries.render_training_query(use_case, DUCKDB, START, END, tmp_path)
    own.write_text("SELECT\n{% if %}")
    with pytest.raises(SettingsError, match=r"training\.sql: line 2"):
        queries.render_training_query(use_case, DUCKDB, START, END, tmp_path)


def _columns(query: str) -> list[str]:
    import sqlglot

    to_duckdb(query, "w")
    return sqlglot.parse_one(query, read="bigquery").named_selects


def _warehouse(folder: Path, sent_at: str, clicked: str = "false", unsubscribed: str = "false") -> Path:
    path = folder / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE SCHEMA tiny")
        connection.execute(
            f"CREATE TABLE tiny.training AS SELECT 'u' AS user_id, {sent_at} AS sent_at, 'c' AS campaign, "
            "'a' AS recommender, 0.5::DOUBLE AS propensity, 'p' AS policy_version, "
            f"NULL::VARCHAR[] AS eligible_recommenders, {clicked} AS clicked, {unsubscribed} AS "
            "unsubscribed, NULL::VARCHAR AS colour, NULL::DOUBLE AS height, NULL::DATE AS joined, "
            "NULL::BOOLEAN AS member"
        )
    return path


def _training_rows(path: Path, use_case: UseCase) -> list[dict[str, object]]:
    query = queries.render_training_query(use_case, DUCKDB, START, END)
    return [row for batch in read_batches(path, query) for row in batch.to_pylist()]
