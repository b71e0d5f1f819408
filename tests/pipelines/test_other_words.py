"""A use case with words and a key of its own, from a file to its pages: nothing tells of a newsletter."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from newsletter_bandit.settings.reading import load_use_case
from tests.cli.conftest import Command, command  # noqa: F401
from tests.other_words import USE_CASE, told, write_visits
from tests.reports.parsed import Parsed

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]


def shown(page: str) -> str:
    """All that a page shows or reads aloud: its texts, and the labels of its elements."""
    parsed = Parsed(page)
    labels = [
        value
        for _, attributes in parsed.elements
        for name, value in attributes.items()
        if name in ("aria-label", "data-label", "title", "alt", "placeholder") and value
    ]
    return "\n".join([*(text.strip() for text in parsed.texts), *labels])


def test_nothing_tells_of_newsletters_users_or_unsubscribes(command: Command, tmp_path: Path) -> None:  # noqa: F811
    path, file, workdir = tmp_path / "shop-page.yaml", tmp_path / "visits.csv", tmp_path / "work"
    path.write_text(USE_CASE)
    use_case, today = load_use_case(path), dt.datetime.now(dt.UTC).date()
    write_visits(file, *use_case.window.latest(today, use_case.final_after_days))
    options = ("--use-case", path, "--workdir", workdir)
    said: dict[str, str] = {}

    def run(*arguments: str | Path, code: int = 0) -> str:
        done = command(*arguments, *options)
        assert done.returncode == code, done.stdout + done.stderr
        # What libraries say of themselves goes to the other stream.
        said[" ".join(map(str, arguments))] = done.stdout.replace(str(tmp_path), "")
        return " ".join(done.stdout.split())

    run("status", code=5)
    run("ingest", "both", file)
    run("schema")
    trained = run("train", "--run-date", today.isoformat())
    assert "What the log holds: 5,000 visits" in trained
    assert "Reward per visit on " in trained
    assert "In production now" in trained
    predicted = run("predict", "--run-date", today.isoformat())
    assert "Sessions of " in predicted
    assert "5,000 rankings stored" in predicted
    run("arms")
    run("models", "list")
    (version,) = (one["version"] for one in json.loads(command("models", "list", "--json", *options).stdout))
    run("models", "show", version)
    run("report", version)
    assert "sessions" in run("status", code=0)

    found = workdir / "registry" / "shop-page" / version
    verdict = json.loads((found / "verdict.json").read_text())
    assert "unsubscribes" not in [check["name"] for check in verdict["checks"]]
    said["verdict"] = "\n".join(f"{check['name']}: {check['detail']}" for check in verdict["checks"])
    said["decision"] = "\n".join(json.loads((found / "decision.json").read_text())["reasons"])
    said["model card"] = (found / "model_card.md").read_text()
    pages = list((workdir / "runs").glob("*.html")) + list(found.glob("*.html"))
    texts = {page: shown(page.read_text()) for page in pages}
    assert len(texts) >= 2
    report = next(text for page, text in texts.items() if "training" in page.name)
    assert "may this model choose the next visits?" in report
    day = next(text for page, text in texts.items() if "prediction" in page.name)
    assert "Sessions with a ranking" in day
    assert {name: places for name, text in [*said.items(), *texts.items()] if (places := told(text))} == {}
