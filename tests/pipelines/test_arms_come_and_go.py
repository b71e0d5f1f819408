"""A retired, a renamed and a new recommender over four weeks, each through `predict` and HTTP.

Each week's newsletters are what the endpoint answered, and their outcomes become the log of the next
training. Lists of eligible recommenders go on holding retired and old names, or are empty.
"""

from __future__ import annotations

import datetime as dt
import json
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.warehouse.ingest import ingest
from pipelines.cli import demo
from pipelines.cli.main import app
from pipelines.cli.warehouse import write_schema
from pipelines.local.running import predict, train
from pipelines.workspace import Workspace
from tests.local_files import warehouse_file

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
USERS, UNIFORM = 1_500, 12_000
COLOURS = ("red", "green", "blue")
LIKED_BY = {"a": "red", "b": "green", "bee": "green", "c": "blue", "fresh": "red"}
SETTINGS = """\
name: shop
# Who may be shown.
recommenders: [a, b, c]
default_ranking: [a]
tables: {{training: shop.training, inference: shop.inference}}
features:
  colour: {{type: string, max_vocabulary: 8, embedding_dim: 2}}
reward: {{terms: {{clicked: 1}}}}
attribution_days: 0
window: {{weeks: 5, overlap_weeks: 1, anchor: {anchor}}}
eval_share: 0.4
agent: {{type: lin_ucb, alpha: 0.1, l2: 1.0}}
exploration: {{epsilon: 0.2, max_cost: 90%, new_arm: {{min_share: 0.1, max_share: 0.1}}}}
gate: {{min_rows: 500, allowed_margin: 30%, max_unsubscribe_ratio: null, min_auc: 0.0, max_auc_drop: 1.0}}
freshness: {{expires_after_days: 365, max_input_age_days: null}}
"""


@dataclass
class Shop:
    """The shop, and what its endpoint answered in each week."""

    path: Path
    first_run: dt.date
    answers: list[list[dict[str, Any]]] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)

    @property
    def workspace(self) -> Workspace:
        use_case = load_use_case(self.path)
        environment = load_environment(ROOT / "configs" / "environments" / "local.yaml")
        workdir = self.path.parent / "work"
        return Workspace(use_case, self.path, environment.in_workdir(workdir, use_case), workdir)

    def load(self, table: Any, rows: dict[str, Any], *, replace: bool = False) -> None:
        file = self.path.parent / f"{table}.parquet"
        pq.write_table(pa.table(rows), file)
        warehouse = warehouse_file(self.workspace.environment)
        report = ingest(warehouse, self.workspace.use_case, table, [file], replace=replace)
        assert report.rejected == 0

    def arms(self, *words: str) -> None:
        """`newsletter-bandit arms ...`."""
        options = ["--use-case", str(self.path), "--workdir", str(self.path.parent / "work")]
        command = typer.main.get_command(app)
        command.main(["arms", *words, *options], prog_name="newsletter-bandit", standalone_mode=False)

    def train(self, day: dt.date) -> None:
        workspace = self.workspace
        days = TrainingDays.of(workspace.use_case, day)
        self.verdicts.append(train(workspace, days, lambda _: None).publication.outcome)

    def week(self, number: int, names: list[str]) -> None:
        """Predicts, asks for every user over HTTP, and logs what came of it."""
        day = self.first_run + dt.timedelta(weeks=number)
        lists = [names if user % 2 else [] for user in range(USERS)]
        people = {
            "user_id": [f"u{user}" for user in range(USERS)],
            "campaign": [f"w{number}"] * USERS,
            "eligible_recommenders": pa.array(lists, pa.list_(pa.string())),
            "colour": [COLOURS[user % 3] for user in range(USERS)],
        }
        self.load("inference", people, replace=True)
        outcome = predict(self.workspace, day, lambda _: None)
        assert (outcome.stored, outcome.rejected) == (USERS, 0)
        with demo.endpoint(self.workspace) as address:
            answers = asked(address, people["user_id"])
        self.answers.append(answers)
        shown = [answer["recommenders"][0] for answer in answers]
        log = {
            "sent_at": [dt.datetime.combine(day, dt.time(9), dt.UTC)] * USERS,
            "recommender": shown,
            "propensity": [answer["propensities"][0] for answer in answers],
            "policy_version": [answer["model_version"] for answer in answers],
            **outcomes(shown, people["colour"], number),
        }
        self.load("training", people | log)


def asked(address: str, users: list[str]) -> list[dict[str, Any]]:
    """The endpoint's answers."""
    answers = []
    for start in range(0, len(users), 500):
        body = json.dumps({"user_ids": users[start : start + 500]}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{address}/users:batchGet", data=body, headers=headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as response:
            answers += json.load(response)["rankings"]
    return answers


def outcomes(shown: list[str], colours: list[str], seed: int) -> dict[str, npt.NDArray[np.bool_]]:
    """Clicks, of half of those who like what they get and of a tenth of the others."""
    rate = [0.5 if LIKED_BY[name] == colour else 0.1 for name, colour in zip(shown, colours, strict=True)]
    clicked = np.random.default_rng([9, seed]).random(len(rate)) < rate
    return {"clicked": clicked, "unsubscribed": np.zeros(len(rate), dtype=bool)}


def uniform(first: dt.date, days: int) -> dict[str, Any]:
    """A log of uniform choices, by other users than those who are written to later."""
    rng = np.random.default_rng(3)
    colours = [COLOURS[one] for one in rng.integers(0, 3, UNIFORM)]
    shown = ["abc"[one] for one in rng.integers(0, 3, UNIFORM)]
    start = dt.datetime.combine(first, dt.time(9), dt.UTC)
    return {
        "user_id": [f"before{user}" for user in range(UNIFORM)],
        "sent_at": [start + dt.timedelta(days=int(day)) for day in rng.integers(0, days, UNIFORM)],
        "campaign": ["before"] * UNIFORM,
        "recommender": shown,
        "propensity": np.full(UNIFORM, 1 / 3),
        "policy_version": ["uniform"] * UNIFORM,
        "eligible_recommenders": pa.array([[]] * UNIFORM, pa.list_(pa.string())),
        "colour": colours,
        **outcomes(shown, colours, 100),
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The four weeks."""
    today = dt.datetime.now(dt.UTC).date()
    first_run = today - dt.timedelta(weeks=5)
    anchor = first_run - dt.timedelta(weeks=5)
    path = tmp_path_factory.mktemp("shop") / "shop.yaml"
    path.write_text(SETTINGS.format(anchor=anchor))
    made = Shop(path, first_run)
    made.load("training", uniform(anchor, 35))
    write_schema(made.workspace)
    made.train(first_run)
    made.week(0, ["a", "b", "c"])
    made.arms("retire", "c")
    made.week(1, ["a", "b", "c"])
    made.arms("rename", "b", "bee")
    made.week(2, ["a", "b", "c"])
    made.arms("add", "fresh")
    # The model in production does not know it yet.
    made.week(3, ["a", "bee", "c", "fresh"])
    made.train(first_run + dt.timedelta(weeks=4))
    made.week(4, ["a", "bee", "c", "fresh"])
    return made


def first_places(answers: list[dict[str, Any]]) -> Counter[str]:
    return Counter(answer["recommenders"][0] for answer in answers)


def test_nobody_is_refused_and_every_model_is_published(shop: Shop) -> None:
    assert shop.verdicts == ["published", "published"]
    for answers in shop.answers:
        assert len(answers) == USERS
        assert {answer["source"] for answer in answers} == {"personalised"}


def test_each_week_ranks_exactly_those_that_are_offered(shop: Shop) -> None:
    offered = [{"a", "b", "c"}, {"a", "b"}, {"a", "bee"}, {"a", "bee"}, {"a", "bee", "fresh"}]
    for names, answers in zip(offered, shop.answers, strict=True):
        assert {frozenset(answer["recommenders"]) for answer in answers} == {frozenset(names)}


def test_propensities_are_those_of_what_is_left(shop: Shop) -> None:
    """In each week, 1 / propensity adds up to the number of users whom each recommender could reach."""
    for answers in shop.answers:
        for name in {answer["recommenders"][0] for answer in answers}:
            own = [1 / one["propensities"][0] for one in answers if one["recommenders"][0] == name]
            error = np.sqrt(np.sum(np.square(own)))
            assert abs(sum(own) - USERS) < 4 * error, name


def test_the_new_one_ramps_up_as_set(shop: Shop) -> None:
    found = [one["propensities"][0] for one in shop.answers[4] if one["recommenders"][0] == "fresh"]
    assert found == pytest.approx([0.1] * len(found))
    # Four standard deviations of a tenth of 1,500 users.
    assert abs(len(found) - 150) < 47


def test_those_who_like_the_renamed_one_go_on_getting_it(shop: Shop) -> None:
    before, after = first_places(shop.answers[1]), first_places(shop.answers[2])
    assert abs(before["b"] - after["bee"]) < 120
    assert after["b"] == 0


def test_the_look_knows_them_all(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    run_date = shop.first_run + dt.timedelta(weeks=4)
    capfd.readouterr()
    shop.arms("--run-date", run_date.isoformat(), "--json")
    found = {one["recommender"]: one for one in json.loads(capfd.readouterr().out)["recommenders"]}
    assert set(found) == {"a", "bee", "c", "fresh"}
    assert (found["c"]["verdict"], found["fresh"]["verdict"]) == ("retired", "cannot_tell")
    assert found["fresh"]["stored_share"] == pytest.approx(0.1, abs=0.04)
    assert found["bee"]["verdict"] == "keep"
