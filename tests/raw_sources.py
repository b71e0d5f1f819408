"""Raw sources with everything that can go wrong in them, and the tables that they make, worked out by
hand.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np

from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.outcomes import Outcomes
from tests.tiny import make_use_case

Row = dict[str, Any]

# A reward with further terms, one of which has its own days.
TERMS: dict[str, Any] = {
    "clicked": 1,
    "unsubscribed": {"weight": -1, "counts": "any"},
    "basket_chf": {"weight": 0.02, "clip": [-50, 200], "attribution_days": 5},
    "minutes": {"weight": -0.1, "clip": [0, 3]},
}

START, END = dt.date(2024, 1, 8), dt.date(2024, 1, 15)
RUN_DATE = dt.date(2024, 1, 22)
FEATURES = ("colour", "height", "joined", "member")


_KINDS = {"colour": "string", "height": "number", "joined": "date", "member": "bool"}
# A feature of each kind of history.
HISTORY: dict[str, dict[str, Any]] = {
    "shown": {"count": "shown", "weeks": 2},
    "a_shown": {"count": "shown", "recommender": "a", "weeks": 1},
    "clicks": {"count": "clicks", "weeks": 2},
    "b_clicks": {"count": "clicks", "recommender": "b", "weeks": 1},
    "since": {"count": "days_since_shown", "weeks": 2},
    "c_since": {"count": "days_since_shown", "recommender": "c", "weeks": 1},
}


def make_raw_use_case(**changes: Any) -> UseCase:
    """Three recommenders, a feature of each type, three days of attribution, rankings served for eight."""
    features = {name: {"type": kind} for name, kind in _KINDS.items()}
    return make_use_case(**{"features": features, "attribution_days": 3, **changes})


def make_history_use_case(**changes: Any) -> UseCase:
    """The same with the features of `HISTORY` besides."""
    features = {name: {"type": kind} for name, kind in _KINDS.items()}
    made = {name: {"type": "number", "history": history} for name, history in HISTORY.items()}
    return make_raw_use_case(features={**features, **made}, **changes)


def at(text: str) -> dt.datetime:
    """A UTC time in January 2024, such as `09 08:00`."""
    return dt.datetime.fromisoformat(f"2024-01-{text}").replace(tzinfo=dt.UTC)


def _send(send_id: str | None, user_id: str | None, sent_at: str | None, **changes: Any) -> Row:
    row: Row = {
        "send_id": send_id,
        "user_id": user_id,
        "sent_at": None if sent_at is None else at(sent_at),
        "campaign": "c1",
        "recommender": "a",
        "propensity": 0.5,
        "policy_version": "p1",
        "eligible_recommenders": [],
    }
    return {**row, **changes}


def _user(user_id: str | None, day: int, colour: str | None, **changes: Any) -> Row:
    row: Row = {
        "user_id": user_id,
        "snapshot_date": dt.date(2024, 1, day),
        "eligible_recommenders": [],
        "colour": colour,
        "height": 170.5,
        "joined": dt.date(2023, 6, 1),
        "member": True,
    }
    return {**row, **changes}


def _ranking(user_id: str, generated_at: str, first: str, propensity: float, version: str) -> Row:
    others = [name for name in "abc" if name != first]
    return {
        "user_id": user_id,
        "campaign": "c1",
        "generated_at": at(generated_at),
        "recommenders": [first, *others],
        "propensities": [propensity, 0.9, 1.0],
        "model_version": version,
    }


_BARE: Row = {"propensity": None, "policy_version": None}

RAW: dict[str, list[Row]] = {
    "sends": [
        _send("s1", "u1", "09 08:00"),
        _send("s1", "u1", "09 08:00"),
        _send("s1", "u1", "09 08:00", **_BARE),
        _send("s2", "u1", "10 00:00", eligible_recommenders=["a", "c"]),
        _send("s3", "u2", "09 08:00", recommender="b", **_BARE),
        # Its ranking put another one first; its ranking had expired; its policy is not the ranking's.
        _send("s4", "u3", "09 08:00", recommender="c", **_BARE),
        _send("s5", "u4", "09 00:00", **_BARE),
        _send("s6", "u2", "09 08:00", recommender="b", propensity=None, policy_version="p9"),
        _send("s7", "u1", "09 08:00", propensity=0.0),
        _send("s8", "u1", "09 08:00", propensity=1.5),
        _send("s9", "u1", "09 08:00", recommender="zz"),
        _send("s10", "u1", "09 08:00", eligible_recommenders=["b", "c"]),
        # A version of its ranking, and none at all.
        _send("s11", "u2", "09 09:00", recommender="b", propensity=0.25, policy_version=None),
        _send("s12", "u5", "09 09:00", propensity=1.0, policy_version=""),
        # A newer ranking was made after the sender had asked.
        _send("s19", "u6", "12 13:00", propensity=None, policy_version="m1"),
        # The newest of the rankings that were there.
        _send("s13", "u6", "12 12:00", **_BARE),
        _send("s14", "u3", "14 23:59:59.999999"),
        _send(None, "u1", "09 08:00"),
        _send("", "u1", "09 08:00"),
        _send("s15", None, "09 08:00"),
        _send("s16", "u1", None),
        _send("s17", "u1", "09 08:00", campaign=""),
        _send("s18", "u1", "09 08:00", recommender=None),
        _send("outside", "u1", "07 23:59:59.999999"),
        _send("outside too", "u1", "15 00:00"),
    ],
    "clicks": [
        {"send_id": "s1", "clicked_at": at("11 07:00")},
        {"send_id": "s1", "clicked_at": at("11 07:00")},
        # Just too late, and before it was sent.
        {"send_id": "s2", "clicked_at": at("13 00:00")},
        {"send_id": "s2", "clicked_at": at("09 23:59:59.999999")},
        {"send_id": "s3", "clicked_at": at("09 10:00")},
        # In the second of sending, as a link scanner does, and when a reader can.
        {"send_id": "s11", "clicked_at": at("09 09:00")},
        {"send_id": "s14", "clicked_at": at("15 00:00:01.999999")},
        {"send_id": "s12", "clicked_at": at("12 08:59:59.999999")},
        # Known to be a machine's, the second one only later.
        {"send_id": "s13", "clicked_at": at("12 13:00"), "bot": True},
        {"send_id": "s2", "clicked_at": at("10 05:00"), "bot": False},
        {"send_id": "s2", "clicked_at": at("10 05:00"), "bot": True},
        {"send_id": "nobody's", "clicked_at": at("10 00:00")},
        {"send_id": None, "clicked_at": at("10 00:00")},
        {"send_id": "s13", "clicked_at": None},
    ],
    "unsubscribes": [
        {"send_id": "s1", "unsubscribed_at": at("11 07:05")},
        {"send_id": "s1", "unsubscribed_at": at("11 07:05")},
        # Without a click, before the click, too late.
        {"send_id": "s2", "unsubscribed_at": at("10 01:00")},
        {"send_id": "s3", "unsubscribed_at": at("09 09:00")},
        {"send_id": "s11", "unsubscribed_at": at("12 09:00")},
        {"send_id": "s12", "unsubscribed_at": at("12 08:59:59.999999")},
        {"send_id": "s14", "unsubscribed_at": at("17 12:00")},
        {"send_id": None, "unsubscribed_at": at("10 00:00")},
        {"send_id": "s14", "unsubscribed_at": None},
    ],
    "users": [
        _user("u1", 1, "red"),
        _user("u1", 9, "green", height=171.0),
        _user("u1", 9, "green", height=171.0),
        _user("u1", 9, "amber", height=99.0),
        _user("u1", 10, "blue"),
        _user("u1", 20, "violet", eligible_recommenders=["b", "c"]),
        _user("u1", 20, "violet", eligible_recommenders=["b", "c"]),
        _user("u2", 20, "grey"),
        _user("u3", 1, None, height=None, joined=None, member=None),
        _user("u3", 20, None, height=None, joined=None, member=None),
        _user("u6", 12, "white", member=False),
        _user(None, 20, "black"),
        _user("", 20, "black"),
        _user("u1", 23, "of the future"),
    ],
    "rankings": [
        _ranking("u2", "08 00:00", "b", 0.7, "m1"),
        _ranking("u2", "08 00:00", "b", 0.7, "m1"),
        _ranking("u3", "08 00:00", "a", 0.7, "m1"),
        _ranking("u4", "01 00:00", "a", 0.7, "m1"),
        _ranking("u6", "11 00:00", "a", 0.6, "m1"),
        _ranking("u6", "12 00:00", "a", 0.8, "m2"),
        _ranking("u6", "13 00:00", "a", 0.9, "m3"),
        {**_ranking("u4", "08 00:00", "a", 0.7, "m1"), "recommenders": [], "propensities": []},
    ],
}

# user, sent, recommender, propensity, version, eligible, clicked, unsubscribed, colour, height, joined,
# member
_JUNE = dt.date(2023, 6, 1)
_NOTHING = (None, None, None, None)
TRAINING: list[tuple[Any, ...]] = [
    ("u1", at("09 08:00"), "a", 0.5, "p1", [], True, True, "green", 171.0, _JUNE, True),
    ("u1", at("10 00:00"), "a", 0.5, "p1", ["a", "c"], False, True, "blue", 170.5, _JUNE, True),
    ("u2", at("09 08:00"), "b", 0.7, "m1", [], False, True, *_NOTHING),
    ("u2", at("09 09:00"), "b", 0.25, "m1", [], False, False, *_NOTHING),
    ("u3", at("14 23:59:59.999999"), "a", 0.5, "p1", [], True, True, *_NOTHING),
    ("u5", at("09 09:00"), "a", 1.0, "unknown", [], True, True, *_NOTHING),
    ("u6", at("12 12:00"), "a", 0.8, "m2", [], False, False, "white", 170.5, _JUNE, False),
    ("u6", at("12 13:00"), "a", 0.6, "m1", [], False, False, "white", 170.5, _JUNE, False),
]
LEFT_OUT = {
    "missing_value": 6,
    "duplicate": 2,
    "no_propensity": 3,
    "bad_propensity": 2,
    "unknown_recommender": 1,
    "not_eligible": 1,
}
OUTCOMES = Outcomes(
    newsletters=8,
    clicked=3,
    unsubscribed=5,
    unsubscribed_after_click=3,
    bot_click=2,  # s2 and s13
    early_click=2,  # s2, before it was sent, and s11
    late_click=1,  # s3
)
WITHOUT_FEATURES = 3  # u2 twice and u5
INFERENCE: list[tuple[Any, ...]] = [
    ("u1", "2024-W04", ["b", "c"], "violet", 170.5, _JUNE, True),
    ("u2", "2024-W04", [], "grey", 170.5, _JUNE, True),
    ("u3", "2024-W04", [], *_NOTHING),
]
INFERENCE_LEFT_OUT = {"unnamed_user": 2, "second_row": 1}


def training_tuples(rows: list[Row]) -> list[tuple[Any, ...]]:
    """Rows of the training table as in `TRAINING`, sorted; NULL and an empty list are one to BigQuery."""
    names = ("user_id", "sent_at", "recommender", "propensity", "policy_version")
    outcome = ("clicked", "unsubscribed", *FEATURES)
    assert {row["campaign"] for row in rows} <= {"c1"}
    return sorted(
        (
            (
                *(row[name] for name in names),
                row["eligible_recommenders"] or [],
                *(row[name] for name in outcome),
            )
            for row in rows
        ),
        key=lambda row: row[:2],
    )


def inference_tuples(rows: list[Row]) -> list[tuple[Any, ...]]:
    """Rows of the inference table as in `INFERENCE`, sorted."""
    names = ("campaign", "eligible_recommenders", *FEATURES)
    listed = [{**row, "eligible_recommenders": row["eligible_recommenders"] or []} for row in rows]
    return sorted((row["user_id"], *(row[name] for name in names)) for row in listed)


def fill_duckdb(path: Path, use_case: UseCase, raw: dict[str, list[Row]]) -> None:
    """Adds the rows to the raw tables of an embedded warehouse, which are made where they are missing."""
    import duckdb
    import pyarrow.parquet as pq

    from newsletter_bandit.settings.environment import DuckDBWarehouse
    from newsletter_bandit.warehouse.tables.build import create_raw

    create_raw(DuckDBWarehouse(kind="duckdb", path=str(path)), use_case)
    file = path.with_suffix(".parquet")
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table, rows in raw.items():
            pq.write_table(arrow_table(use_case, table, rows), file)
            names = ", ".join(use_case.table_columns(table))
            connection.execute(
                f"INSERT INTO {use_case.table_name(table)} ({names}) SELECT {names} FROM "
                f"read_parquet('{file}')"
            )


def arrow_table(use_case: UseCase, table: str, rows: list[Row]) -> Any:
    """The rows with the types of the table."""
    import pyarrow as pa

    types = {
        "STRING": pa.string(),
        "FLOAT64": pa.float64(),
        "BOOL": pa.bool_(),
        "DATE": pa.date32(),
        "TIMESTAMP": pa.timestamp("us", "UTC"),
        "ARRAY<STRING>": pa.list_(pa.string()),
        "ARRAY<FLOAT64>": pa.list_(pa.float64()),
    }
    columns = use_case.table_columns(table)
    return pa.Table.from_pylist(
        rows, schema=pa.schema([(name, types[type_]) for name, type_ in columns.items()])
    )


def duckdb_rows(path: Path, table: str) -> list[Row]:
    """Every row of a table."""
    import duckdb

    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found: list[Row] = connection.sql(f"SELECT * FROM {table}").to_arrow_table().to_pylist()
    return found


def random_raw(sends: int, seed: int) -> dict[str, list[Row]]:
    """Sends over three weeks with clicks, unsubscribes, snapshots and rankings, each fault among them."""
    rng = np.random.default_rng(seed)
    users = max(5, sends // 4)
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)

    def moment(days: float) -> dt.datetime:
        return start + dt.timedelta(microseconds=int(days * 86_400_000_000))

    def some(value: Any, share: float) -> Any:
        return None if rng.random() < share else value

    raw: dict[str, list[Row]] = {
        name: [] for name in ("sends", "clicks", "unsubscribes", "users", "rankings")
    }
    for number in range(sends):
        day = float(rng.uniform(0, 21))
        send_id = f"s{number}"
        row: Row = {
            "send_id": some(send_id, 0.02),
            "user_id": some(f"u{rng.integers(users)}", 0.02),
            "sent_at": some(moment(day), 0.01),
            "campaign": some(f"c{rng.integers(2)}", 0.01),
            "recommender": some(str(rng.choice(["a", "b", "c", "zz"], p=[0.5, 0.3, 0.18, 0.02])), 0.01),
            "propensity": some(
                float(rng.choice([0.25, 0.5, 1.0, 0.0, 1.5], p=[0.4, 0.3, 0.2, 0.05, 0.05])), 0.4
            ),
            "policy_version": some(str(rng.choice(["p1", "m0", "m1", "m2"])), 0.4),
            "eligible_recommenders": [["a", "b", "c"], ["a", "b"], []][rng.integers(3)],
        }
        raw["sends"] += [row] * int(rng.integers(1, 4))
        if rng.random() < 0.5:
            soon = rng.random() < 0.2
            clicked = day + (int(rng.integers(4)) / 86_400 if soon else float(rng.exponential(1.5)) - 0.1)
            row = {"send_id": some(send_id, 0.02), "clicked_at": some(moment(clicked), 0.02)}
            marks = rng.choice([None, False, True], size=int(rng.integers(1, 3)), p=[0.4, 0.5, 0.1])
            raw["clicks"] += [{**row, "bot": mark} for mark in marks.tolist()]
            if rng.random() < 0.3:
                left = clicked + float(rng.exponential(1.0)) - 0.2
                raw["unsubscribes"] += [{"send_id": send_id, "unsubscribed_at": moment(left)}] * 2
        elif rng.random() < 0.1:
            raw["unsubscribes"].append({"send_id": send_id, "unsubscribed_at": moment(day + 0.5)})
    raw["clicks"].append({"send_id": "nobody's", "clicked_at": moment(3.0)})
    for number in range(users):
        for day in range(-2, 21):
            if rng.random() < 0.15:
                row = {
                    "user_id": some(f"u{number}", 0.02),
                    "snapshot_date": (start + dt.timedelta(days=day)).date(),
                    "eligible_recommenders": [[], ["a"]][rng.integers(2)],
                    "colour": some(str(rng.choice(["red", "grün", "it's"])), 0.1),
                    "height": some(float(rng.normal(170, 10)), 0.1),
                    "joined": some(dt.date(2020, 1, 1) + dt.timedelta(days=int(rng.integers(1000))), 0.1),
                    "member": some(bool(rng.random() < 0.5), 0.1),
                }
                raw["users"] += [row] * int(rng.integers(1, 3))
        for day in range(0, 21, 3):
            if rng.random() < 0.6:
                order = [str(name) for name in rng.permutation(["a", "b", "c"])]
                row = {
                    "user_id": f"u{number}",
                    "campaign": f"c{rng.integers(2)}",
                    "generated_at": start + dt.timedelta(days=day),
                    "recommenders": order,
                    "propensities": [float(rng.choice([0.1, 0.9])), 0.5, 1.0],
                    "model_version": str(rng.choice(["m0", "m1"])),
                }
                raw["rankings"] += [row] * int(rng.integers(1, 3))
                if rng.random() < 0.3:
                    # The day was run again, with the next model.
                    raw["rankings"].append({**row, "recommenders": order[::-1], "model_version": "m2"})
    return raw


def random_outcomes(sends: list[Row], seed: int) -> list[Row]:
    """Outcomes of the sends for `TERMS`, some too early or late, delivered twice, of no term or no number."""
    rng = np.random.default_rng(seed)
    found: list[Row] = []
    for send in sends:
        if send["send_id"] is None or send["sent_at"] is None:
            continue
        for _ in range(int(rng.integers(3))):
            odd = rng.random()
            # Quarters add up to the same sum in any order.
            value = (
                None if odd < 0.05 else float("nan") if odd < 0.1 else float(rng.integers(-200, 1200)) / 4.0
            )
            row = {
                "send_id": send["send_id"],
                "outcome": str(rng.choice(["basket_chf", "minutes", "something else"])),
                "value": value,
                "occurred_at": send["sent_at"] + dt.timedelta(hours=int(rng.integers(-12, 150))),
            }
            found += [row] * int(rng.integers(1, 3))
    return found
