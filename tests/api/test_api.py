"""The commands' work as functions: an outcome, nothing printed, and an error that says what to do."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from newsletter_bandit.errors import DataError, SettingsError
from pipelines import api
from tests.messy_log import SPLIT, write_messy_log


def test_a_log_becomes_a_use_case_and_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    log = write_messy_log(Path("mailings.csv"), sends=3_000)
    told = io.StringIO()
    path = api.init([log], split="40/30/10/10/10", time_zone="Europe/Zurich", out=Console(file=told))
    assert path == Path("configs/mailings.yaml")
    assert "Europe/Zurich" in path.read_text()
    assert "newsletter-bandit train" in told.getvalue()
    workspace = api.open_workspace(path)
    assert sorted(workspace.use_case.recommenders) == sorted(SPLIT)
    report = api.ingest(workspace, "training", [log])
    assert (report.loaded, report.rejected) == (3_000, 0)
    assert capfd.readouterr() == ("", "")
    # Nothing was printed, so no log is left either.
    assert list(Path("workdir/logs").iterdir()) == []


def test_an_error_comes_out_bare_and_its_traceback_is_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    workspace = api.open_workspace(workdir=Path("work"))
    with pytest.raises(DataError, match="ingest") as caught:
        api.train(workspace)
    assert caught.value.__suppress_context__
    (log,) = Path("work/logs").iterdir()
    assert "Traceback" in log.read_text()
    os.write(1, b"as before ")
    print("as before", file=sys.stderr)
    assert capfd.readouterr() == ("as before ", "as before\n")


def test_what_cannot_be_proposed_is_asked_for(tmp_path: Path) -> None:
    log = write_messy_log(tmp_path / "mailings.csv", sends=300)
    with pytest.raises(SettingsError, match="split"):
        api.init([log], folder=tmp_path, workdir=tmp_path)
    assert not list(tmp_path.glob("*.yaml"))
