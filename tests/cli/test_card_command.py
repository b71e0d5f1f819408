"""`newsletter-bandit models card` as a user meets it: a card that was published, one of today, and none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.registry import CARD, USE_CASE
from tests.cli.conftest import ROOT, Command
from tests.evidence_records import published
from tests.reports.made import FIRST, SECOND, THIRD, evidence


def test_a_card_is_printed_as_it_was_published(tmp_path: Path, command: Command) -> None:
    found = evidence()
    settings = tmp_path / "tiny.yaml"
    settings.write_text(yaml.safe_dump(found.use_case.model_dump(mode="json")))
    options = ("--use-case", settings, "--workdir", tmp_path)
    registry = Registry(str(tmp_path / "registry"), "tiny")
    (tmp_path / "model").mkdir()
    known: dict[str, Any] = published(found.metrics, found.verdict, found.decision)
    known[USE_CASE] = found.use_case.model_dump(mode="json")
    card = "# Model card: [bold]tiny[/]\n\n" + "a word " * 40 + "\n"
    for version, files in ((FIRST, {}), (SECOND, known), (THIRD, {**known, CARD: card})):
        (tmp_path / "model" / "saved_model.pb").write_text(version)
        registry.publish(version, str(tmp_path / "model"), files)

    # To the byte, however wide the terminal is; in a process, whose streams go into the log meanwhile.
    words = [sys.executable, "-m", "pipelines.cli.main", "models", "card", THIRD[:8], *map(str, options)]
    assert subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout == card
    later = command("models", "card", SECOND[:8], *options)
    assert later.returncode == 0
    assert later.stdout.startswith(f"# Model card: tiny, {SECOND}\n\n> This card was made later, ")
    rollback = f"newsletter-bandit models rollback {SECOND} --use-case {settings} --workdir {tmp_path}"
    assert rollback in later.stdout
    nothing = command("models", "card", FIRST[:8], *options)
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert f"{FIRST}: was published without its evidence; train and publish it again" in nothing.stderr
