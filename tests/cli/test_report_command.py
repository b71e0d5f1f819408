"""`newsletter-bandit report` as a user meets it: the page, what is said, and what is opened."""

from __future__ import annotations

import datetime as dt
import webbrowser
from pathlib import Path

import pytest
import yaml

from pipelines.local.run_record import RunRecord
from tests.cli.conftest import Command
from tests.reports.made import evidence, wrong_propensities
from tests.reports.made_day import long_ago


def test_the_page_is_made_again_and_opened(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    settings, work = tmp_path / "tiny.yaml", tmp_path / "work"
    settings.write_text(yaml.safe_dump(evidence().use_case.model_dump(mode="json")))
    options = ("--use-case", settings, "--workdir", work)

    nothing = command("report", *options)
    assert (nothing.returncode, nothing.stdout) == (2, "")
    # A command in a message can be typed as it stands.
    assert (
        f"no training of tiny that came to a verdict; run `newsletter-bandit train --use-case {settings} "
        f"--workdir {work}` first"
    ) in nothing.stderr

    started = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    record = RunRecord(
        "tiny-training", started.date(), started, 1.0, True, None, [], evidence=wrong_propensities()
    ).write(work)
    page = record.with_suffix(".html")
    done = command("report", *options)
    assert (done.returncode, done.stdout) == (0, f"Report: {page}\n")
    assert opened == [page.as_uri()]
    text = page.read_text()
    assert "Cannot tell: do not go live" in text
    replace = f"newsletter-bandit ingest training FILE --replace --use-case {settings} --workdir {work}<"
    assert replace in text

    quiet = command("report", "20261123", "--no-open", "--output", tmp_path / "page.html", *options)
    assert (quiet.returncode, quiet.stdout) == (0, f"Report: {tmp_path / 'page.html'}\n")
    assert len(opened) == 1
    started = dt.datetime(2026, 11, 26, 5, tzinfo=dt.UTC)
    predicted = RunRecord(
        "tiny-prediction", started.date(), started, 1.0, True, None, [], evidence=long_ago()
    ).write(work)
    newest = command("report", "--prediction", "--no-open", *options)
    assert (newest.returncode, newest.stdout) == (0, f"Report: {predicted.with_suffix('.html')}\n")
    text = predicted.with_suffix(".html").read_text()
    assert f"newsletter-bandit predict --use-case {settings} --workdir {work}<" in text
    both = command("report", "20261126", "--prediction", *options)
    assert (both.returncode, both.stdout) == (2, "")
    assert "--prediction: means the newest one; use it without RUN|VERSION" in both.stderr
    unknown = command("report", "2025", *options)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr == (
        "Error: 2025: no run with a verdict and no version of tiny; available: 20261123T000000.000000Z, "
        f"{predicted.stem}\n"
    )
