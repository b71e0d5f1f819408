"""What travels to the step beside the artifacts, and comes out in the run's report."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from components.pushing_finalizer.produced import Publication
from components.pushing_finalizer.reporting import gathered, report, to_text
from newsletter_bandit.registry import Registry
from newsletter_bandit.reports import Evidence
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.warehouse import window_log
from tests.evidence_records import explanation
from tests.reports.made import evidence


def test_what_is_not_known_does_not_travel() -> None:
    # A compiled pipeline is called by nobody, so its parameter stays what it was.
    assert json.loads(to_text(None)) == {"log": None}


@pytest.mark.parametrize("options", [None, "", "--use-case shop.yaml"])
def test_the_options_of_the_command_come_out_in_the_report(options: str | None, tmp_path: Path) -> None:
    made = evidence("cannot_tell", "not_blessed", {"rows": (1.0, 2.0, "too few")})
    for record in (made.metrics, made.verdict, made.decision):
        record.write(tmp_path)
    known = gathered(
        Publication("not_blessed", None, "cannot tell; failed: rows", 1),
        str(tmp_path),
        str(tmp_path),
        made.use_case,
        TrainingDays.of(made.use_case, dt.date(2026, 11, 23)),
        to_text(made.log, options),
    )
    report(Registry(str(tmp_path / "registry"), made.use_case.name), known, str(tmp_path))
    found = Evidence.read(tmp_path)
    assert (found.options, found.log, found.explanation) == (options, made.log, None)


def test_reasons_and_what_a_step_found_in_the_window_come_out_in_the_report(tmp_path: Path) -> None:
    made = evidence("cannot_tell", "not_blessed", {"rows": (1.0, 2.0, "too few")})
    assert made.log is not None
    for record in (made.metrics, made.verdict, made.decision, explanation()):
        record.write(tmp_path)
    window_log.keep(str(tmp_path), made.log)
    known = gathered(
        Publication("not_blessed", None, "cannot tell; failed: rows", 1),
        str(tmp_path),
        str(tmp_path),
        made.use_case,
        TrainingDays.of(made.use_case, dt.date(2026, 11, 23)),
        to_text(None),
        found=window_log.kept(str(tmp_path)),
    )
    report(Registry(str(tmp_path / "registry"), made.use_case.name), known, str(tmp_path))
    found = Evidence.read(tmp_path)
    assert (found.explanation, found.log) == (explanation(), made.log)
    assert window_log.kept(str(tmp_path / "nowhere")) is None
