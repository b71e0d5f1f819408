"""What the page of the day counts: in batches, merged, and without the rows that are left out."""

from __future__ import annotations

import json
from pathlib import Path

import apache_beam as beam
import pytest

from components.prediction_storer import reporting
from components.prediction_storer.checking import Checker
from components.prediction_storer.day_counts import DayCounts, bin_width
from components.prediction_storer.first_slots import StoredRun
from components.prediction_storer.transforms import StorePredictions
from newsletter_bandit.settings.environment import SQLiteStore as Settings
from newsletter_bandit.settings.use_case import Reward
from tests.prediction_storer.prediction_rows import RECOMMENDERS, STAMP, batch, row
from tests.prediction_storer.stored_day import files

CHECKER = Checker(RECOMMENDERS, STAMP)
WIDTH = bin_width(Reward())


def counted(*firsts: tuple[bytes, float, int]) -> DayCounts:
    rows = [
        row(f"user-{number}", recommenders=[name], scores=[score], propensities=[0.5], explored=[explored])
        for number, (name, score, explored) in enumerate(firsts)
    ]
    return DayCounts.of(CHECKER.check(batch(rows))[0], RECOMMENDERS, WIDTH)


def test_users_exploring_choices_and_scores_by_first_recommender() -> None:
    one = counted((b"deals", 0.25, 0), (b"deals", -0.1, 1), (b"refill", 0.25, 1))
    other = counted((b"deals", 0.25, 1))
    both = one + other
    assert both == other + one == DayCounts.merged([one, other])
    assert (both.users, both.explored) == ({"deals": 3, "refill": 1}, {"deals": 2, "refill": 1})
    # The reward is in [-1, 1], so a bin is half a thousandth wide.
    assert both.scores == {"deals": {-201: 1, 500: 2}, "refill": {500: 1}}
    assert DayCounts.from_json(both.to_json()) == both
    assert counted() == DayCounts()
    deals, refill = reporting.first_places(both, WIDTH)
    assert (deals.recommender, deals.users, deals.explored) == ("deals", 3, 2)
    assert (deals.low, deals.median, deals.high) == pytest.approx((-0.10025, 0.25025, 0.25025))
    assert refill.low == refill.high == pytest.approx(0.25025)


def test_scores_are_gathered_in_some_few_bars_of_a_round_width() -> None:
    found = reporting.histogram(counted(*[(b"deals", i / 1000 + 0.00025, 0) for i in range(-50, 150)]), WIDTH)
    assert (found.start, found.width) == (pytest.approx(-0.05), pytest.approx(0.025))
    assert len(found.users) == 8
    assert sum(found.users) == 200
    alone = reporting.histogram(counted((b"deals", 0.1234, 0)), WIDTH)
    assert alone.users == (1,)
    far = reporting.histogram(counted((b"deals", -1e9, 0), (b"deals", 1e9, 0)), WIDTH)
    assert sum(far.users) == 2
    assert len(far.users) <= 16


def test_rows_that_are_left_out_do_not_count(tmp_path: Path) -> None:
    rows = [row(f"user-{number}", explored=[number % 2]) for number in range(20)]
    twice = [row("user-3", campaign=[b"sunday"]), row(""), *rows]
    graph = StorePredictions(
        recommenders=RECOMMENDERS,
        stamp=STAMP,
        store=Settings(kind="sqlite", path=str(tmp_path / "rankings.sqlite")),
        max_rejected_share=0.2,
        dead_letters=str(tmp_path / "dead_letters.jsonl"),
        counts=str(tmp_path / "counts.json"),
        shards=3,
        day_counts=str(tmp_path / "day_counts.json"),
        score_bin=WIDTH,
    )
    with beam.Pipeline(argv=["--runner=FnApiRunner"]) as pipeline:
        _ = pipeline | beam.Create(files(twice, tmp_path, 7)) | graph
    found = DayCounts.from_json((tmp_path / "day_counts.json").read_text())
    assert (found.users, found.explored) == ({"refill": 20}, {"refill": 10})


def test_no_group_is_so_small_that_it_tells_of_a_person() -> None:
    sizes = {"CH": 50, "AT": 40, "DE": 20, "LI": 7, "": 2}
    found = {"country": {name: {"deals": size} for name, size in sizes.items()}}

    def told(least: int) -> list[tuple[str | None, int, int]]:
        return [(group.value, group.merged, group.total) for group in reporting.groups(found, least)]

    assert told(2) == [("CH", 0, 50), ("AT", 0, 40), ("DE", 0, 20), ("LI", 0, 7), ("", 0, 2)]
    # What is left over is at least as many, or its number would be that of all less those shown.
    assert told(7) == [("CH", 0, 50), ("AT", 0, 40), ("DE", 0, 20), (None, 2, 9)]
    assert told(20) == [("CH", 0, 50), ("AT", 0, 40), (None, 3, 29)]
    assert told(30) == [("CH", 0, 50), (None, 4, 69)]
    assert told(200) == []
    many = {"city": {str(number): {"deals": 100 + number} for number in range(60)}}
    rows = reporting.groups(many, 30)
    assert len(rows) == 25
    assert (rows[0].value, rows[-1].merged) == ("59", 36)
    assert sum(row.total for row in rows) == sum(100 + number for number in range(60))


def test_the_day_before_is_one_of_another_day(tmp_path: Path) -> None:
    path = str(tmp_path / "last_stored.json")
    first = StoredRun("2026-03-01", "1", {"old": 3, "deals": 2})
    second = StoredRun("2026-03-02", "2", {"deals": 5}, first)
    second.write(path)
    found = StoredRun.read(path, {"old": "deals"})
    assert found is not None
    assert found.until("2026-03-03") == StoredRun("2026-03-02", "2", {"deals": 5})
    assert found.until("2026-03-02") == StoredRun("2026-03-01", "1", {"deals": 5})
    assert found.until("2026-03-01") is None
    # As earlier versions wrote it.
    content = {"run_date": "2026-03-01", "model_version": "1", "users": {"deals": 2}}
    (tmp_path / "last_stored.json").write_text(json.dumps(content))
    assert StoredRun.read(path, {}) == StoredRun("2026-03-01", "1", {"deals": 2})
