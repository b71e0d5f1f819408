"""The scaling page: its arithmetic by hand-sized examples, Datastore's ramp as Beam has it, and no drift from
the figures.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import sys
from pathlib import Path

import pytest

from benchmarks import scaling
from benchmarks.scaling import Assumptions, Figures

HOW = Assumptions(worker_cores=2, step_minutes=14.0, start_minutes=4.0, efficiency=0.5)


def test_workers_and_minutes() -> None:
    # A worker does 100 x 2 x 0.5 x 60 = 6,000 rows per minute, so ten minutes take 60,000.
    one = scaling.step(60_000, 100.0, 14.0, HOW)
    assert (one.workers, one.minutes) == (1, pytest.approx(14.0))
    more = scaling.step(60_001, 100.0, 14.0, HOW)
    assert more.workers == 2
    assert more.minutes == pytest.approx(9.0, abs=0.001)
    assert more.core_hours == pytest.approx(2 * 2 * more.minutes / 60)
    with pytest.raises(ValueError, match="more than 4"):
        scaling.step(1, 100.0, 4.0, HOW)


def test_the_ramp() -> None:
    assert [scaling.ramp_rate(minutes) for minutes in (0, 5, 10, 15)] == [500, 500, 750, 1125]
    assert scaling.ramp_writes(5) == 150_000
    # Between steps the rate grows without a jump: from 500 to 750 in five minutes.
    assert scaling.ramp_writes(10) == pytest.approx(150_000 + 300 * 250 / math.log(1.5))
    for minutes in (1.0, 5.0, 7.5, 27.0, 83.0):
        assert scaling.ramp_minutes(scaling.ramp_writes(minutes)) == pytest.approx(minutes)
    assert scaling.ramp_minutes(2_000_000) == pytest.approx(27.1, abs=0.05)


def test_workers_that_are_slower_than_the_ramp() -> None:
    assert scaling.ramp_minutes(60_000, fastest=100) == 10
    # 750 writes per second are reached after ten minutes; from then on the workers are the limit.
    more = scaling.ramp_writes(10) + 750 * 60 * 3
    assert scaling.ramp_minutes(more, fastest=750) == pytest.approx(13)
    assert scaling.ramp_minutes(more, fastest=1e9) < 13


def test_the_ramp_is_beams() -> None:
    from components.prediction_storer.beam_datastore import Throttle

    start, workers = dt.datetime(2026, 1, 5), 4
    throttle = Throttle(workers)
    for minutes in (0, 3, 5, 6, 12.5, 40, 80):
        a_worker = throttle.budget(start, start + dt.timedelta(minutes=minutes))
        # Beam rounds each worker's share down.
        assert 0 <= scaling.ramp_rate(minutes) - workers * a_worker < workers


def test_a_day_and_its_cost() -> None:
    sizes = dict.fromkeys(("inference_table", "training_table", "entity", "entity_index"), float(2**20))
    rates = dict.fromkeys((*scaling.DAILY, *scaling.TRAINING), 1000.0) | {"batch_get": 100.0}
    figures = Figures("a machine", "2026-01-05", rates, sizes)
    day = scaling.day(600_000, figures, HOW)
    # 60,000 rows per minute per worker: one worker, ten minutes.
    assert {name: (one.workers, one.minutes) for name, one in day.steps.items()} == {
        name: (1, pytest.approx(14.0)) for name in scaling.DAILY
    }
    assert day.store_minutes == pytest.approx(4.0 + scaling.ramp_minutes(600_000, 1000.0))
    assert day.bottleneck == "Datastore's ramp"
    assert day.minutes == pytest.approx(28.0 + day.store_minutes)
    # 600,000 rankings in an hour are 167 a second.
    assert day.instances == 2
    assert scaling.day_cost(day, figures, HOW, {"100k_writes": 2.0}) == pytest.approx(12.0)
    assert scaling.day_cost(day, figures, HOW, {"tib_read": 1.0}) == pytest.approx(600_000 / 2**20)
    hours = 2 * (14.0 + 14.0 + day.store_minutes) / 60
    assert scaling.day_cost(day, figures, HOW, {"core_hour": 3.0}) == pytest.approx(3.0 * hours)
    window = scaling.training(600_000, figures, HOW)
    assert window["train"].rows == pytest.approx(0.8 * 28 * 600_000)
    assert window["evaluate"].rows == pytest.approx(0.2 * 28 * 600_000)
    assert scaling.training_cost(600_000, figures, HOW, {"tib_read": 1.0}) == pytest.approx(
        28 * 600_000 / 2**20
    )


def test_the_page_holds_what_the_script_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = scaling.PAGE.read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["scaling"])
    scaling.main()
    assert scaling.tables_of(page) == capsys.readouterr().out.strip()
    copy = tmp_path / "page.md"
    copy.write_text(page, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["scaling", "--write", str(copy)])
    scaling.main()
    assert copy.read_text(encoding="utf-8") == page


def test_prices_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["scaling", "--price", "core_hour=0.1", "tib_read=5"])
    scaling.main()
    assert "Cost at core_hour 0.1, tib_read 5" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["scaling", "--price", "gold=1"])
    with pytest.raises(SystemExit):
        scaling.main()
    assert "allowed: core_hour" in capsys.readouterr().err
    figures = json.loads(scaling.FIGURES.read_text(encoding="utf-8"))
    figures["bytes_a_row"]["entity"] = 0
    wrong = tmp_path / "figures.json"
    wrong.write_text(json.dumps(figures), encoding="utf-8")
    with pytest.raises(ValueError, match="entity: found 0; allowed: more than 0"):
        Figures.read(wrong)
    del figures["bytes_a_row"]["entity"]
    wrong.write_text(json.dumps(figures), encoding="utf-8")
    with pytest.raises(ValueError, match="no entity; allowed: a figure of each"):
        Figures.read(wrong)
