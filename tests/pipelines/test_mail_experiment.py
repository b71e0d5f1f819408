"""An e-mail experiment as a marketing team has it: a coin drew one of two mails, a CSV holds the outcome.

From the file as pandas writes it to an answer over HTTP, by the commands that the README names.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from newsletter_bandit.settings.reading import load_environment, load_use_case
from pipelines.cli import demo
from pipelines.workspace import Workspace

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SENDS = 5_000
OFFER, NEWS = "Für dich – 50% off", "News"
# Click rate by segment and mail.
RATE = {("bargain hunter", OFFER): 0.35, ("bargain hunter", NEWS): 0.10,
        ("reader", OFFER): 0.10, ("reader", NEWS): 0.35}  # fmt: skip
USE_CASE = f"""
name: mail-audit
recommenders: ["{OFFER}", {NEWS}]
default_ranking: [{NEWS}]
tables: {{training: mail.training, inference: mail.inference}}
features:
  segment: {{type: string, max_vocabulary: 8, embedding_dim: 2}}
  spend: {{type: number, treatment: log1p}}
ingest:
  training:
    user_id: {{column: customer}}
    sent_at: {{column: sent}}
    campaign: {{constant: autumn}}
    recommender: {{column: variant}}
    propensity: {{constant: 0.5}}
    policy_version: {{constant: coin}}
    eligible_recommenders: {{constant: ""}}
    unsubscribed: {{constant: false}}
  inference:
    user_id: {{column: customer}}
    campaign: {{constant: winter}}
    eligible_recommenders: {{constant: ""}}
  value_names:
    recommender: {{"1": "{OFFER}", "2": {NEWS}}}
reward: {{terms: {{clicked: 1}}}}
attribution_days: 3
window: {{weeks: 4, overlap_weeks: 1, anchor: 2024-01-01}}
eval_share: 0.5
agent: {{type: lin_ucb, alpha: 0.5, l2: 1.0}}
exploration: {{epsilon: 0.05, max_cost: 0.05}}
"""


@dataclass
class Audit:
    """The commands' output, the file's rows, and the resulting workspace."""

    printed: dict[str, str]
    rows: pd.DataFrame
    workspace: Workspace

    def answer(self, address: str, user_id: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{address}/users/{user_id}/recommenders") as response:
            answer: dict[str, Any] = json.load(response)
        return answer


def draw(start: dt.date, end: dt.date) -> pd.DataFrame:
    """One mail for each customer, drawn by a coin, sent within the window."""
    rng = np.random.default_rng(5)
    segment = rng.choice(["bargain hunter", "reader"], SENDS)
    offer = rng.random(SENDS) < 0.5
    rate = [RATE[each, OFFER if sent else NEWS] for each, sent in zip(segment, offer, strict=True)]
    day = rng.integers(0, (end - start).days, SENDS)
    return pd.DataFrame(
        {
            # Every fifth with the blank that a fixed-width export leaves.
            "customer": [f"c{i}" + " " * (i % 5 == 0) for i in range(SENDS)],
            "sent": [f"{start + dt.timedelta(days=int(each))} 09:00" for each in day],
            "variant": np.where(offer, 1, 2),
            "clicked": (rng.random(SENDS) < rate).astype(float),  # 1.0 and 0.0
            "segment": segment,
            "spend": rng.lognormal(4, 1, SENDS).round(2),
        }
    )


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    folder = tmp_path_factory.mktemp("mail")
    path, file, workdir = folder / "mail-audit.yaml", folder / "export.csv", folder / "work"
    path.write_text(USE_CASE, encoding="utf-8")
    use_case = load_use_case(path)
    # Rankings of an earlier day would have expired when the endpoint is asked.
    today = dt.datetime.now(dt.UTC).date()
    rows = draw(*use_case.window.latest(today, use_case.attribution_days))
    rows.to_csv(file, sep=";")

    def run(*arguments: str) -> str:
        options = ["--use-case", str(path), "--workdir", str(workdir)]
        command = [sys.executable, "-m", "pipelines.cli.main", *arguments, *options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return " ".join(done.stdout.split())

    printed = {
        "training": run("ingest", "training", str(file)),
        "inference": run("ingest", "inference", str(file)),
        "schema": run("schema"),
        "train": run("train", "--run-date", today.isoformat()),
        "predict": run("predict", "--run-date", today.isoformat()),
    }
    environment = load_environment(ROOT / "configs" / "environments" / "local.yaml")
    workspace = Workspace(use_case, path, environment.in_workdir(workdir, use_case), workdir)
    return Audit(printed, rows, workspace)


def test_the_file_is_read_as_it_is_and_its_oddities_are_said(audit: Audit) -> None:
    said = audit.printed["training"]
    assert said.startswith("5,000 of 5,000 rows loaded into mail.training.")
    assert "columns are separated by a semicolon." in said
    assert "column 1 has no name, as pandas writes its index; it is left out." in said
    assert "blanks were removed around values: 1,000 of customer." in said
    assert "5,000 of 5,000 rows loaded into mail.inference." in audit.printed["inference"]


def test_it_is_judged_and_published(audit: Audit) -> None:
    said = audit.printed["train"]
    assert OFFER in said
    assert "Blessed" in said
    assert "5,000 newsletters" in said


def test_each_segment_gets_its_mail(audit: Audit) -> None:
    assert "5,000 rankings stored" in audit.printed["predict"]
    firsts: dict[str, list[str]] = {"bargain hunter": [], "reader": []}
    with demo.endpoint(audit.workspace) as address:
        for row in audit.rows.head(60).itertuples():
            answer = audit.answer(address, row.customer.strip())
            assert answer["source"] == "personalised"
            assert sorted(answer["recommenders"]) == sorted([OFFER, NEWS])
            firsts[row.segment].append(answer["recommenders"][0])
        assert audit.answer(address, "somebody-else")["recommenders"] == [NEWS]
    # Some draws explore.
    assert np.mean([name == OFFER for name in firsts["bargain hunter"]]) > 0.8
    assert np.mean([name == NEWS for name in firsts["reader"]]) > 0.8
