"""What a window holds by day and by propensity, and what its table's newest load left out."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from newsletter_bandit import records
from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse import loading
from newsletter_bandit.warehouse.arms import ArmSummary
from newsletter_bandit.warehouse.ingest import ingest
from newsletter_bandit.warehouse.loading import Loading
from newsletter_bandit.warehouse.window_log import BOUNDS, WindowLog, window_log
from tests.raw_rows import write_csv

LOADED = Loading("ingest", "2024-01-08 10:00 UTC", 10, 8, 1, {"propensity: empty": 1})
WINDOW = (dt.date(2024, 1, 8), dt.date(2024, 1, 13))


def test_newsletters_by_day_and_propensity(tmp_path: Path, use_case: UseCase) -> None:
    rows = [
        # Just before midnight UTC is still the day before; a bound belongs to the bin above it.
        {"user_id": "u1", "sent_at": "2024-01-08T23:59:59+00:00", "propensity": "1"},
        {"user_id": "u2", "sent_at": "2024-01-10T00:30:00+01:00", "propensity": "0.5"},
        {"user_id": "u3", "sent_at": "2024-01-12T08:00:00+00:00", "propensity": "0.25"},
        {"user_id": "u4", "sent_at": "2024-01-12T08:00:00+00:00", "propensity": "0.2499"},
        {"user_id": "u5", "sent_at": "2024-01-12T08:00:00+00:00", "propensity": "0.0001"},
        {"user_id": "u6", "sent_at": "2024-01-13T00:00:00+00:00", "propensity": "0.5"},
    ]
    ingest(tmp_path / "w.duckdb", use_case, "training", [write_csv(tmp_path / "rows.csv", *rows)])
    warehouse = DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))
    arms = (ArmSummary("a", 5, 0.5, 0.0, 0.0, 0.5, 15, {"basket_chf": 12, "minutes": 5}),)
    found = window_log(warehouse, use_case, WINDOW, arms, LOADED)
    assert found.load == LOADED
    assert found.days == (1, 1, 0, 0, 3)
    assert found.empty_days == (dt.date(2024, 1, 10), dt.date(2024, 1, 11))
    assert found.propensities == (2, 1, 1, 0, 0, 0, 0, 0, 0, 1)
    assert (BOUNDS[0], BOUNDS[1], len(BOUNDS)) == (0.5, 0.25, 9)
    assert (found.newsletters, found.left_out, found.left_out_share) == (5, 15, 0.75)
    assert found.missing == {"basket_chf": 12, "minutes": 5}
    # It travels as JSON.
    text = json.dumps(found.body())
    assert WindowLog.of(records.parse(text, "a file")) == found
    with pytest.raises(DataError, match=r"a file: days is .*; allowed: a list of whole numbers"):
        WindowLog.of(records.parse(text.replace('"days": [1', '"days": [1.5'), "a file"))
    with pytest.raises(DataError, match="a file: start: Invalid isoformat string: 'soon'; allowed: a day"):
        WindowLog.of(records.parse(text.replace("2024-01-08", "soon"), "a file"))


def test_days_before_the_first_and_after_the_last_are_no_gaps() -> None:
    assert WindowLog((), WINDOW[0], (0, 0, 5, 5, 0), (10,)).empty_days == ()
    assert WindowLog((), WINDOW[0], (0, 0, 0, 0, 0), (0,)).empty_days == ()


def test_the_newest_load_is_kept(tmp_path: Path) -> None:
    assert loading.newest(tmp_path, "tiny", "training") is None
    for rows in (1, 2):
        noted = Loading("ingest", "2024-01-08 10:00 UTC", 10, 10 - rows, 0, {"propensity: empty": rows})
        loading.write(tmp_path, "tiny", "training", noted)
    assert loading.newest(tmp_path, "tiny", "training") == noted
    assert loading.newest(tmp_path, "tiny", "sends") is None
    (file,) = (tmp_path / "loads").iterdir()
    file.write_text("{}")
    with pytest.raises(DataError, match="no field left_out"):
        loading.newest(tmp_path, "tiny", "training")
