"""A linear agent in the closed loop: the pipelines' own code, small."""

from __future__ import annotations

import dataclasses
import datetime as dt
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.refit import Refit
from newsletter_bandit.simulation.runs import Run
from pipelines.cli import closed_loop
from pipelines.closed_loop import planning
from tests.closed_loop.small_runs import ROOT, console, plan, workspace


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("closed_loop")


@pytest.fixture(scope="module")
def done(workdir: Path) -> Run:
    (run,) = closed_loop.run_agents(console(), workspace(workdir).use_case, plan(workdir))
    return run


@pytest.mark.slow
def test_each_week_is_trained_gated_and_served(done: Run) -> None:
    first, second = done.weeks
    assert (first.verdict, first.compared_with) == ("blessed", "logging policy")
    assert (second.verdict, second.compared_with) == ("blessed", first.served_by)
    assert first.served_by == f"lin_ucb-{first.day}"
    assert second.served_by == f"lin_ucb-{second.day}"
    for week in done.weeks:
        assert week.low is not None
        assert week.high is not None
        assert week.low < week.difference < week.high  # type: ignore[operator]
        assert week.covered == (week.low <= week.true_difference <= week.high)  # type: ignore[operator]
        assert week.uniform < week.expected_reward_greedy < week.oracle  # type: ignore[operator]
        assert {"transform", "fit", "evaluate", "rank", "simulate"} == set(week.seconds)


@pytest.mark.slow
def test_a_finished_run_is_kept_and_needs_no_tensorflow(done: Run, workdir: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from pipelines.cli import closed_loop
from tests.closed_loop.small_runs import console, plan, workspace
folder = Path({str(workdir)!r})
(run,) = closed_loop.run_agents(console(), workspace(folder).use_case, plan(folder))
assert run.weeks[1].served_by == {done.weeks[1].served_by!r}
assert "tensorflow" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


@pytest.mark.slow
def test_what_is_served_is_logged_with_its_probability(done: Run, workdir: Path) -> None:
    """The model's own ranking and the log agree; a second call ranks the same."""
    from newsletter_bandit.simulation.loop import monday, start
    from pipelines.closed_loop.learner import BanditLearner, SharedWeeks

    made = plan(workdir)
    use_case = made.agents["lin_ucb"]
    begin = start(use_case, made.setting, 1)
    shared = SharedWeeks(use_case, begin.warm_up, workdir / "closed_loop" / "transform", begin.digest)
    day = monday(begin.world, made.setting.warm_up_weeks)
    learner = BanditLearner("lin_ucb", use_case, shared)
    learnt = learner.learn(list(begin.warm_up), day)
    assert learnt.gating is not None
    assert learnt.model is not None
    np.testing.assert_allclose(learnt.gating.candidate.sum(axis=1), 1.0, atol=1e-5)
    held_out = pa.concat_tables(begin.warm_up)["user_id"].take(pa.array(learnt.gating.rows))
    assert 0.1 < len(held_out) / (4 * 600) < 0.3

    users = begin.world.recipients(day, 600)
    inference = begin.world.inference(users, day)
    slots = learnt.model.first_slots(inference, day)
    again = learnt.model.first_slots(inference, day)
    np.testing.assert_array_equal(slots.served, again.served)
    begin.world.check_served(users, slots.served)
    assert slots.greedy is not None
    explored = slots.served != slots.greedy
    assert 0.0 < explored.mean() < 0.4

    # While no model is a year old, the first that served is what the gate looks back at.
    later = [learner.learn(list(begin.warm_up), day + dt.timedelta(weeks=week)).gating for week in (1, 2)]
    assert [gating and gating.compared_with for gating in later] == [
        f"lin_ucb-{day}",
        f"lin_ucb-{day + dt.timedelta(weeks=1)}",
    ]
    assert [gating and gating.reference for gating in later] == [None, f"lin_ucb-{day}"]
    assert slots.propensity[explored].mean() < slots.propensity[~explored].mean()
    first = done.weeks[0]
    truth = begin.world.expected_reward(users, day)[np.arange(600), slots.served].mean()
    assert first.expected_reward == pytest.approx(truth)


@pytest.mark.slow
def test_a_reward_in_money_is_judged_too(tmp_path: Path) -> None:
    from newsletter_bandit.settings.reading import load_use_case, load_world

    configs = ROOT / "configs"
    use_case, small = load_use_case(configs / "homepage.yaml"), workspace(tmp_path)
    features = {name: use_case.features[name] for name in ("device", "basket_items")}
    gate = small.use_case.gate
    use_case = use_case.model_copy(update={"features": features, "slices": (), "gate": gate})
    shop = dataclasses.replace(small, use_case=use_case)
    world = load_world(configs / "worlds" / "homepage.yaml")
    made = planning.plan(shop, ["lin_ucb"], weeks=1, newsletters=600, seeds=1, world=world)
    (run,) = closed_loop.run_agents(console(), use_case, made)
    assert run.weeks[0].compared_with == "logging policy"
    assert run.weeks[0].verdict == "blessed"


def test_settings_that_cannot_be_run_are_refused(workdir: Path) -> None:
    made = workspace(workdir)
    with pytest.raises(SettingsError, match=r"agent horoscope: unknown; allowed: .*lin_ucb"):
        planning.plan(made, ["horoscope"], 1, 600, 1)
    with pytest.raises(SettingsError, match="lin_ucb named twice"):
        planning.plan(made, ["lin_ucb", "lin_ucb"], 1, 600, 1)
    twice = made.use_case.model_copy(update={"refit": Refit(rows="all_rows")})
    with pytest.raises(SettingsError, match="refit: found all_rows; allowed in the closed loop: none"):
        planning.plan(dataclasses.replace(made, use_case=twice), [], 1, 600, 1)
    assert list(planning.plan(made, [], 1, 600, 3).agents) == [made.use_case.agent.type]
    assert planning.plan(made, [], 1, 600, 3).seeds == (1, 2, 3)


def test_an_agent_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "bold.yaml").write_text(
        "agent: {type: lin_ucb, alpha: 2.0}\nexploration: {epsilon: 0.3}\n"
    )
    made = dataclasses.replace(workspace(tmp_path), use_case_path=tmp_path / "newsletter.yaml")
    agents = planning.plan(made, ["bold", "lin_ts"], 1, 600, 1).agents
    assert agents["bold"].agent.model_dump()["alpha"] == 2.0
    assert agents["bold"].exploration.epsilon == 0.3
    assert agents["lin_ts"].agent.type == "lin_ts"
    assert agents["lin_ts"].exploration == made.use_case.exploration
    (tmp_path / "agents" / "bold.yaml").write_text("agent: {type: lin_ucb, alpha: -1}\n")
    with pytest.raises(SettingsError, match=r"bold\.yaml: agent\.alpha"):
        planning.plan(made, ["bold"], 1, 600, 1)
