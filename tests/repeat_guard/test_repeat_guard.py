"""The step that says whether a training would only repeat an earlier one, on an embedded warehouse."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import pytest

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.registry import Look, Registry, settings_digest
from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse import loading, window_log
from newsletter_bandit.warehouse.ingest import ingest
from newsletter_bandit.warehouse.loading import Loading
from newsletter_bandit.warehouse.window_log import WindowLog
from tests.raw_rows import make_typed_use_case, write_csv

WINDOW = ("2024-01-08", "2024-01-22")


class Place:
    """A warehouse with two rows, and a registry.

    Args:
      folder: of both.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = DuckDBWarehouse(kind="duckdb", path=str(folder / "w.duckdb"))
        self.registry = Registry(str(folder / "registry"), "tiny")

    def load(self, use_case: UseCase, *changes: dict[str, str]) -> None:
        source = write_csv(self.folder / "training.csv", *changes)
        ingest(Path(self.warehouse.path), use_case, "training", [source], replace=True)

    def check(
        self,
        use_case: UseCase,
        run_date: str = "2024-02-01",
        again: str = "",
        tables: dict[str, Any] | None = None,
    ) -> tuple[str, str, str]:
        """Runs the step; the rows' fingerprint, what it found, and its report.

        Args:
          tables: the artifact of the step that built the table, by the name of the input.
        """
        from tfx.types.experimental import simple_artifacts

        from components.repeat_guard.component import FOUND_KEY, REPORT_FILE, ROWS_KEY, Executor, RepeatGuard

        component = RepeatGuard(use_case, self.warehouse, str(self.folder / "registry"), run_date, again)
        check = simple_artifacts.File()
        check.uri = str(self.folder / "check")
        shutil.rmtree(check.uri, ignore_errors=True)
        Executor().Do(tables or {}, {"check": [check]}, dict(component.exec_properties))
        rows, found = (check.get_string_custom_property(key) for key in (ROWS_KEY, FOUND_KEY))
        return rows, found, (Path(check.uri) / REPORT_FILE).read_text()

    def log(self) -> WindowLog | None:
        """What the step kept of the window."""
        return window_log.kept(str(self.folder / "check"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_rows_that_were_judged_are_repeated_until_something_differs(place: Place) -> None:
    use_case = make_typed_use_case(window={"weeks": 2, "overlap_weeks": 0, "anchor": "2024-01-08"})
    rows: Any = {"height": "170.5"}, {"height": "180.0"}
    place.load(use_case, *rows)
    first, found, report = place.check(use_case)
    assert found == "new"
    assert report == "Trained: no model was judged on these rows with these settings.\n"

    look = Look(WINDOW, settings_digest(use_case.to_json()), first, "one", "cannot_tell", "logging policy")
    place.registry.looks.note(look)
    # A run that did not end has settled nothing.
    assert place.check(use_case)[1] == "new"
    place.registry.looks.conclude("one", "not_blessed", None)
    for run_date in ("2024-02-01", "2024-02-03"):
        assert place.check(use_case, run_date) == (
            first,
            "repeated",
            "Not trained again: a model of 2024-01-08 to 2024-01-21 (14 days) was judged on the same rows "
            "with the same settings (cannot tell, compared with logging policy). Judging again on the same "
            "rows only adds chances to err; `newsletter-bandit submit training --again` trains all the "
            "same.\n",
        )
    assert place.log() is None  # nobody reads it where nothing is trained
    assert place.check(use_case, again="yes")[:2] == (first, "new")
    with pytest.raises(SettingsError, match="again: found 'no'; allowed: yes, or nothing"):
        place.check(use_case, again="no")

    # So it is while the model that came of it waits for its sign-off.
    place.registry.looks.conclude("one", "waiting", "v1")
    assert place.check(use_case)[1] == "repeated"
    assert "compared with logging policy); v1 waits for sign-off. Judging" in place.check(use_case)[2]

    # Other settings are another training, and so are rows of which one feature was corrected.
    other = use_case.model_copy(update={"eval_share": 0.3})
    assert place.check(other)[:2] == (first, "new")
    place.load(use_case, {"height": "170.5"}, {"height": "180.1"})
    corrected, found, _ = place.check(use_case)
    assert found == "new"
    assert corrected != first


def test_the_step_keeps_for_the_report_what_the_window_holds(place: Place) -> None:
    from tfx.types.experimental import simple_artifacts

    use_case = make_typed_use_case(window={"weeks": 2, "overlap_weeks": 0, "anchor": "2024-01-08"})
    place.load(use_case, {"height": "170.5"}, {"height": "180.0"})
    place.check(use_case)
    found = place.log()
    assert found is not None
    assert (found.start, len(found.days), found.newsletters) == (dt.date(2024, 1, 8), 14, 2)
    assert sum(found.days) == sum(found.propensities) == 2
    assert found.load is None

    built = simple_artifacts.File()
    built.uri = str(place.folder / "report")
    load = Loading("build-tables", "2024-02-01 09:00 UTC", 5, 2, 0, {"sends without a propensity": 3})
    loading.keep(built.uri, load)
    place.check(use_case, tables={"table_report": [built]})
    found = place.log()
    assert found is not None
    assert found.load == load
