"""The SQL that builds the tables: no value leaves its literal, no name its backticks, in either warehouse."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import duckdb
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.environment import BigQueryWarehouse, DuckDBWarehouse
from newsletter_bandit.settings.reading import load_use_case
from newsletter_bandit.settings.tables import RAW_COLUMNS
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.statements import creation, replacement
from newsletter_bandit.warehouse.tables.literals import (
    date_literal,
    identifier,
    midnight_literal,
    name_literal,
    text_literal,
)
from newsletter_bandit.warehouse.tables.sql import Statements
from newsletter_bandit.warehouse.translate import to_duckdb
from tests.raw_sources import TERMS, make_history_use_case, make_raw_use_case

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
DUCKDB = DuckDBWarehouse(kind="duckdb")
BIGQUERY = BigQueryWarehouse(kind="bigquery", project="my-project")
START, END = dt.date(2026, 1, 5), dt.date(2026, 2, 2)
# What could end a literal, and a statement that needs no such end.
ENDS = ["'", "\\", '"', "`", "\n", "\r", "\0", "' OR ''='", "\\'", "\u2028", "\ud800"]
HOSTILE = [*ENDS, "; DROP TABLE t; --"]


def _all(statements: Statements, campaign: str = "2026-W06") -> list[str]:
    return [
        statements.create("training"),
        statements.create("inference"),
        *(statements.create_raw(table) for table in RAW_COLUMNS),
        statements.count_training(START, END),
        statements.build_training(START, END),
        statements.training_rows(START, END),
        statements.count_training(START, END, bots=True, contexts=True),
        statements.build_training(START, END, bots=True, contexts=True),
        *statements.count_events(START, END).values(),
        statements.count_inference(END),
        statements.build_inference(END, START, campaign),
        statements.inference_rows(END, START, campaign),
    ]


@pytest.mark.parametrize("name", ["newsletter", "money", "history"])
def test_every_statement_is_in_the_tested_subset(name: str) -> None:
    use_case = {
        "newsletter": load_use_case(CONFIGS / "newsletter.yaml"),
        "money": make_raw_use_case(reward={"terms": TERMS}),
        "history": make_history_use_case(),
    }[name]
    statements = Statements(use_case, DUCKDB)
    first = 2 + len(RAW_COLUMNS)
    creates, queries = _all(statements)[:first], _all(statements)[first:]
    for sql in creates:
        creation(sql, "w")
    for sql in queries:
        if "MERGE" in sql:
            replacement(sql, "w")
        else:
            to_duckdb(sql, "w")


def test_bigquery_tables_carry_the_project() -> None:
    for sql in _all(Statements(make_raw_use_case(), BIGQUERY)):
        tables = sqlglot.parse_one(sql, read="bigquery").find_all(exp.Table)
        named = {(table.catalog, table.db) for table in tables if table.db}
        assert named <= {("my-project", "tiny"), ("my-project", "raw")}
        assert named


def test_history_reads_the_days_that_it_looks_back_and_no_later_ones() -> None:
    statements = Statements(make_history_use_case(), BIGQUERY)
    training, inference = statements.build_training(START, END), statements.build_inference(END, START, "c")
    for sql, first in ((training, "2025-12-22"), (inference, "2026-01-19")):
        bounds = f"TIMESTAMP '{first} 00:00:00+00:00' AND {{0}} < TIMESTAMP '2026-02-02 00:00:00+00:00'"
        assert f"sent_at >= {bounds.format('sent_at')}" in sql
        assert f"clicks.clicked_at >= {bounds.format('clicks.clicked_at')}" in sql


def test_a_range_bounds_what_is_read_of_each_partitioned_table() -> None:
    sql = Statements(make_raw_use_case(), BIGQUERY).build_training(START, END)
    for bound in (
        # Three days of attribution, eight until a ranking expires.
        "sent_at >= TIMESTAMP '2026-01-02 00:00:00+00:00' AND sent_at < TIMESTAMP '2026-02-02 "
        "00:00:00+00:00'",
        "clicks.clicked_at < TIMESTAMP '2026-02-05 00:00:00+00:00'",
        "unsubscribes.unsubscribed_at < TIMESTAMP '2026-02-05 00:00:00+00:00'",
        "generated_at >= TIMESTAMP '2025-12-28 00:00:00+00:00'",
        "users.snapshot_date < DATE '2026-02-02'",
        "target.sent_at < TIMESTAMP '2026-02-02 00:00:00+00:00' THEN DELETE",
    ):
        assert bound in sql


@settings(max_examples=200)
@given(
    st.one_of(st.text(max_size=140), st.tuples(st.text(max_size=5), st.sampled_from(HOSTILE)).map("".join))
)
def test_a_text_is_refused_or_one_literal_with_that_value(text: str) -> None:
    try:
        literal = text_literal(text, "campaign")
    except SettingsError:
        return
    for dialect in ("bigquery", "duckdb"):
        (found,) = sqlglot.parse(f"SELECT {literal}", read=dialect)
        assert isinstance(found, exp.Select)
        (value,) = found.selects
        assert isinstance(value, exp.Literal)
        assert value.is_string
        assert value.this == text
    # Nor can it be a comment or end the line.
    assert "\n" not in literal
    assert literal.count("'") == 2


@pytest.mark.parametrize("text", [*ENDS, "", "x" * 129])
def test_hostile_texts_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="allowed: 1 to 128 characters"):
        text_literal(text, "campaign")


@settings(max_examples=300)
@given(
    st.one_of(
        st.text(min_size=1, max_size=20),
        st.lists(st.sampled_from([*HOSTILE, "\\\\", "--", "/*", "a"]), min_size=1).map("".join),
    )
)
def test_a_name_is_refused_or_one_literal_with_that_value(name: str) -> None:
    try:
        literal = name_literal(name)
    except SettingsError:
        assert not name.isprintable()
        return
    (found,) = sqlglot.parse(f"SELECT {literal}", read="bigquery")
    assert isinstance(found, exp.Select)
    (value,) = found.selects
    assert isinstance(value, exp.Literal)
    assert (value.is_string, value.this) == (True, name)
    # As the embedded warehouse runs it.
    assert duckdb.sql(to_duckdb(f"SELECT {literal} AS name", "w").sql).fetchall() == [(name,)]


@settings(max_examples=50)
@given(campaign=st.from_regex(r"[A-Za-z0-9 ;=()*/-]{1,40}", fullmatch=True))
def test_a_campaign_that_looks_like_sql_stays_a_value(campaign: str) -> None:
    sql = Statements(make_raw_use_case(), DUCKDB).build_inference(END, START, campaign)
    (tree,) = sqlglot.parse(sql, read="bigquery")
    assert isinstance(tree, exp.Merge)
    values = [literal.this for literal in tree.find_all(exp.Literal) if literal.is_string]
    assert values == [campaign, "2026-01-05", "", "|"]


@settings(max_examples=100)
@given(day=st.dates())
def test_dates_are_literals_of_their_day(day: dt.date) -> None:
    for literal, type_ in ((date_literal(day), "DATE"), (midnight_literal(day), "TIMESTAMPTZ")):
        tree = sqlglot.parse_one(f"SELECT {literal}", read="bigquery").selects[0]
        assert isinstance(tree, exp.Cast)
        assert tree.to.this.name == type_
        assert tree.this.this.startswith(day.isoformat())


def test_dates_are_dates() -> None:
    for value in (dt.datetime(2026, 1, 5), "2026-01-05"):
        with pytest.raises(TypeError, match=r"allowed: a datetime\.date"):
            date_literal(value)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"allowed: a datetime\.date"):
            midnight_literal(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a b", "a`", "1a", "a\n", "a--", "ä", "a.b", ""])
def test_a_column_is_an_identifier(name: str) -> None:
    with pytest.raises(SettingsError, match="allowed: letters, digits and underscores"):
        identifier(name)


@pytest.mark.parametrize("text", HOSTILE)
def test_the_settings_refuse_names_that_are_more_than_names(text: str) -> None:
    for changes in (
        {"raw": {"sends": f"raw.sends{text}"}},
        {"tables": {"training": f"t.x{text}", "inference": "t.y"}},
    ):
        with pytest.raises(ValueError, match=re.compile("allowed: dataset.table|surrogates|unicode", re.I)):
            make_raw_use_case(**changes)
    with pytest.raises(ValueError, match=re.compile("allowed: a name of letters|surrogates|unicode", re.I)):
        UseCase.model_validate(
            {**make_raw_use_case().model_dump(), "features": {f"f{text}": {"type": "number"}}}
        )


def test_the_settings_refuse_names_of_recommenders_that_cannot_be_printed() -> None:
    for text in ("\n", "\r", "\0", "\u2028", "\ud800"):
        with pytest.raises(ValueError, match=re.compile("printable|surrogates|unicode", re.I)):
            make_raw_use_case(recommenders=["a", "b", f"c{text}"])


def test_reserved_words_can_be_features() -> None:
    use_case = UseCase.model_validate(
        {
            **make_raw_use_case().model_dump(),
            "features": {"select": {"type": "number"}, "order": {"type": "date"}},
        }
    )
    statements = Statements(use_case, DUCKDB)
    replacement(statements.build_training(START, END), "w")
    creation(statements.create("training"), "w")


def test_bigquery_needs_a_dataset() -> None:
    with pytest.raises(SettingsError, match=r"found 'sends'; allowed with BigQuery: dataset\.table"):
        Statements(make_raw_use_case(raw={"sends": "sends"}), BIGQUERY)
