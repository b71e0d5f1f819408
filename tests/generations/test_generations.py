"""Both generations of TFX give the same answers, and each goes on with what the other has made.

Each generation has run the demonstration, same seed and day, into a folder named after its Python:
`GENERATIONS` names the folder that holds them. `.ci/run` makes both; elsewhere the tests skip.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from newsletter_bandit.registry.evidence import Metrics, Verdict
from newsletter_bandit.settings.reading import load_environment, load_use_case
from pipelines.cli.demo import endpoint
from pipelines.workspace import Workspace

ROOT = Path(__file__).parents[2]
USE_CASE = ROOT / "configs" / "newsletter.yaml"
ENVIRONMENT = ROOT / "configs" / "environments" / "local.yaml"
VARIABLE = "GENERATIONS"
OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
# The day after the demonstration's, so that nothing of its predictions is taken from TFX's cache.
DAY, NEXT_DAY = "2026-11-23", "2026-11-24"
STORE = "rankings-newsletter.sqlite"

pytestmark = [
    pytest.mark.pipeline,
    pytest.mark.skipif(VARIABLE not in os.environ, reason=f"{VARIABLE} names no demonstrations to compare"),
]


class Ranking(NamedTuple):
    recommenders: tuple[str, ...]
    scores: dict[str, float]
    model_version: str


def rankings(workdir: Path) -> dict[str, Ranking]:
    """Stored rankings by user."""
    with sqlite3.connect(workdir / STORE) as connection:
        rows = connection.execute(
            "SELECT user_id, recommenders, scores, model_version FROM rankings"
        ).fetchall()
    found = {}
    for user_id, recommenders, scores, version in rows:
        names = tuple(json.loads(recommenders))
        found[user_id] = Ranking(names, dict(zip(names, json.loads(scores), strict=True)), version)
    return found


def share_of_equal_first(left: dict[str, Ranking], right: dict[str, Ranking]) -> float:
    equal = sum(left[user].recommenders[0] == right[user].recommenders[0] for user in left)
    return equal / len(left)


def largest_gap(left: dict[str, Ranking], right: dict[str, Ranking]) -> float:
    """Between the scores of the same recommender for the same user."""
    return max(
        abs(score - right[user].scores[name])
        for user, ranking in left.items()
        for name, score in ranking.scores.items()
    )


def run(*arguments: str | Path, codes: Sequence[int] = (0,)) -> str:
    command = Path(sys.executable).with_name("newsletter-bandit")
    done = subprocess.run([command, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode in codes, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def own() -> Path:
    return Path(os.environ[VARIABLE]) / OWN


@pytest.fixture(scope="module")
def other() -> Path:
    """The other generation's work folder; read only."""
    folders = [path for path in Path(os.environ[VARIABLE]).iterdir() if path.name != OWN]
    assert len(folders) == 1, folders
    return folders[0]


@pytest.fixture(scope="module")
def continued(other: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the other generation's work folder, in which this one goes on."""
    folder = tmp_path_factory.mktemp("continued") / "demo"
    shutil.copytree(other, folder)
    return folder


def test_both_rank_alike(own: Path, other: Path) -> None:
    ours, theirs = rankings(own), rankings(other)
    assert ours.keys() == theirs.keys()
    share, gap = share_of_equal_first(ours, theirs), largest_gap(ours, theirs)
    print(f"{own.name} and {other.name}: same first recommender for {share:.2%}, scores within {gap:.1e}")
    assert share >= 0.995
    assert gap <= 1e-3


def test_the_others_model_predicts_the_same_here(continued: Path, other: Path) -> None:
    """Loaded, with the same features: the scores differ by float32's rounding alone."""
    (continued / STORE).unlink()
    run("predict", "--workdir", continued, "--run-date", DAY)
    here, there = rankings(continued), rankings(other)
    assert here.keys() == there.keys()
    assert {ranking.model_version for ranking in here.values()} == {
        ranking.model_version for ranking in there.values()
    }
    assert share_of_equal_first(here, there) >= 0.9999
    assert largest_gap(here, there) <= 1e-5


def test_what_it_predicted_is_served_here(continued: Path) -> None:
    use_case = load_use_case(USE_CASE)
    environment = load_environment(ENVIRONMENT).in_workdir(continued, use_case)
    with endpoint(Workspace(use_case, USE_CASE, environment, continued)) as address:
        for user, ranking in list(rankings(continued).items())[:100]:
            answer = httpx.get(f"{address}/users/{user}/recommenders").raise_for_status().json()
            assert answer["source"] == "personalised"
            assert tuple(answer["recommenders"]) == ranking.recommenders


def test_the_others_model_is_judged_here(continued: Path, other: Path) -> None:
    """It is in production when this generation trains, from its weights, the next candidate."""
    (version,) = {ranking.model_version for ranking in rankings(other).values()}
    # The window's rows have been judged once, with the other's model as the candidate.
    # It is judged, whatever the verdict.
    run("train", "--again", "--workdir", continued, "--run-date", NEXT_DAY, codes=(0, 3))
    evaluations = continued.glob("pipelines/newsletter-training/Evaluator/evaluation/*")
    newest = max(evaluations, key=lambda path: int(path.name))
    assert Verdict.read(newest).compared_with == version
    here = Metrics.read(newest).overall.production
    assert here is not None
    there = Metrics.read(other / "registry/newsletter" / version).overall.candidate
    # Both windows differ by a day, the rows of the evaluation split hardly.
    for figure in ("auc", "serving_policy/dr", "eval_policy/dr"):
        assert here.body()[figure] == pytest.approx(there.body()[figure], abs=0.02), figure
