"""The closed loop without TensorFlow: toy learners, hand-sized figures, resuming after a kill."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.settings.reading import load_use_case, load_world
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.simulation import loop_report, runs
from newsletter_bandit.simulation.behaviour import RulesPolicy
from newsletter_bandit.simulation.learner import FirstSlots, Gating, Learnt
from newsletter_bandit.simulation.loop import Setting, Start, monday, run, start, true_difference, window_rows
from newsletter_bandit.simulation.truth import matrix_value, policy_value
from tests.loop_runs import made
from tests.simulation.toy_learners import CONFIG, ROOT, SETTING, Fixed, Toy, series


@pytest.fixture(scope="module")
def use_case() -> UseCase:
    return load_use_case(CONFIG)


@pytest.fixture(scope="module")
def begin(use_case: UseCase) -> Start:
    return start(use_case, SETTING, seed=7)


def outcomes(table: pa.Table) -> list[tuple[str, bool, bool]]:
    columns = (table[name].to_pylist() for name in ("user_id", "clicked", "unsubscribed"))
    return list(zip(*columns, strict=True))


def test_the_room_needs_no_tensorflow() -> None:
    program = """
import sys
from newsletter_bandit.simulation import loop, loop_plot, loop_report, traffic, vectors
assert not {"tensorflow", "tf_agents", "matplotlib", "duckdb"} & set(sys.modules), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


# --- one run -------------------------------------------------------------------------------------------


def test_a_loop_in_a_world_of_visits_counts_what_they_buy() -> None:
    homepage = load_use_case(CONFIG.with_name("homepage.yaml"))
    world = load_world(CONFIG.parent / "worlds" / "homepage.yaml")
    begin = start(homepage, SETTING, seed=7, settings=world)
    assert begin.world.size == 4 * 400  # each week's visits are new
    toy = Toy([Fixed(begin.world, "trending")] * 2)
    done = run(begin, toy, SETTING)
    shown = pa.concat_tables([*begin.warm_up, *toy.windows[1][2:]])
    assert len(set(shown["session_id"].to_pylist())) == shown.num_rows == 3 * 400
    earned = np.clip(np.array(toy.windows[1][2]["basket_chf"].to_pylist()), 0, 200)
    weight = homepage.reward.terms["basket_chf"].weight
    assert done.weeks[0].reward == pytest.approx(weight * earned.mean())
    assert done.weeks[0].unsubscribe_rate == 0.0
    assert 0 < done.weeks[1].expected_reward < done.weeks[1].oracle
    assert {table["policy_version"][0].as_py() for table in begin.warm_up} == {"rules-1"}


def test_rank_send_log_learn_and_roll(begin: Start) -> None:
    world = begin.world
    toy = Toy([None, Fixed(world, "deals", "v1"), None])
    setting = dataclasses.replace(SETTING, weeks=3)
    done = run(begin, toy, setting)

    assert toy.days == [world.epoch + dt.timedelta(weeks=week) for week in (2, 3, 4)]
    assert [len(window) for window in toy.windows] == [2, 3, 3]
    assert toy.windows[0] == list(begin.warm_up)
    assert toy.windows[2][0] is begin.warm_up[1]  # the oldest has rolled out, the others are the same tables
    versions = [table["policy_version"].unique().to_pylist() for table in toy.windows[2]]
    assert versions == [["rules-1"], ["rules-1"], ["v1"]]
    assert [week.served_by for week in done.weeks] == ["rules-1", "v1", "v1"]
    last = toy.windows[2][-1]
    assert last["propensity"].unique().to_pylist() == [1.0]
    assert last.num_rows == 400
    assert last["sent_at"][0].as_py().date() == monday(world, 3)


def test_the_figures_of_a_week(begin: Start) -> None:
    world = begin.world
    week = run(begin, Toy([Fixed(world, "deals")] * 2), SETTING).weeks[0]
    day = monday(world, 2)
    users = world.recipients(day, 400)
    served = Fixed(world, "deals").first_slots(world.inference(users, day), day).served
    table = world.send(day, users, served, np.ones(400), "fixed")
    clicked = np.array(table["clicked"].to_pylist(), float)
    left = np.array(table["unsubscribed"].to_pylist(), float)
    truth = np.where(world.eligible(users), world.expected_reward(users, day), -np.inf)
    got = truth[np.arange(400), served]
    assert (week.week, week.day, week.served_by) == (1, day.isoformat(), "fixed")
    assert week.reward == pytest.approx((clicked - 2 * left).mean())
    assert week.click_rate == clicked.mean()
    assert week.unsubscribe_rate == left.mean()
    assert week.expected_reward == week.expected_reward_greedy == pytest.approx(got.mean())
    assert week.oracle == pytest.approx(truth.max(axis=1).mean())
    assert week.regret == pytest.approx(week.oracle - week.expected_reward)
    assert week.suboptimal_share == pytest.approx((got < truth.max(axis=1)).mean())
    assert week.logging == pytest.approx(policy_value(world, users, day, RulesPolicy()))
    assert week.gap_closed == pytest.approx(
        (week.expected_reward - week.uniform) / (week.oracle - week.uniform)
    )
    assert week.verdict is None
    assert set(week.seconds) == {"fit", "rank", "simulate"}


def test_all_learners_of_a_seed_meet_the_same_luck(use_case: UseCase, begin: Start) -> None:
    again = start(use_case, SETTING, seed=7)
    assert again.digest == begin.digest
    assert all(one.equals(other) for one, other in zip(again.warm_up, begin.warm_up, strict=True))
    assert start(use_case, SETTING, seed=8).digest != begin.digest

    one, other = Toy([Fixed(begin.world, "deals")] * 2), Toy([Fixed(begin.world, "top_rated")] * 2)
    run(begin, one, SETTING)
    run(again, other, SETTING)
    deals, top_rated = one.windows[1][-1], other.windows[1][-1]
    assert deals["user_id"].equals(top_rated["user_id"])
    # The luck is the same: whoever is served the same thing does the same.
    same = [
        a == b
        for a, b in zip(deals["recommender"].to_pylist(), top_rated["recommender"].to_pylist(), strict=True)
    ]
    assert not any(same)
    hers = run(begin, Toy([Fixed(begin.world, "deals")] * 2), SETTING)
    mine = run(again, Toy([Fixed(again.world, "deals")] * 2), SETTING)
    assert [dataclasses.replace(w, seconds={}) for w in hers.weeks] == [
        dataclasses.replace(w, seconds={}) for w in mine.weeks
    ]


def test_common_random_numbers_take_away_variance(begin: Start) -> None:
    """Two senders who differ for a tenth of the users differ in reward by no more than those users do."""
    world, day = begin.world, monday(begin.world, 2)
    users = world.recipients(day, 400)
    served = Fixed(world, "deals").first_slots(world.inference(users, day), day).served
    changed = served.copy()
    changed[:40] = world.recommenders.index("top_rated")
    one, other = (outcomes(world.send(day, users, s, np.ones(400), "x")) for s in (served, changed))
    assert one[40:] == other[40:]


def test_what_is_no_setting_is_refused(use_case: UseCase) -> None:
    with pytest.raises(SettingsError, match="newsletters: found 0"):
        Setting(weeks=1, newsletters=0)
    slow = use_case.model_copy(update={"attribution_days": 8})
    with pytest.raises(SettingsError, match="attribution_days: found 8; allowed in the closed loop: up to 7"):
        start(slow, SETTING, 1)


def test_serving_the_ineligible_is_refused(begin: Start) -> None:
    class Careless(Fixed):
        def first_slots(self, inference: pa.Table, day: dt.date) -> FirstSlots:
            refill = np.full(inference.num_rows, self._world.recommenders.index("refill"))
            return FirstSlots(refill, np.ones(len(refill)))

    with pytest.raises(DataError, match="refill, for which this user is not eligible"):
        run(begin, Toy([Careless(begin.world, "refill")] * 2), SETTING)


# --- the gate against the truth ------------------------------------------------------------------------


class Gated(Toy):
    """Says that its model is better than the logging policy by `difference`, give or take 0.01."""

    def __init__(self, begin: Start, difference: float, known: bool = True) -> None:
        super().__init__([None, None], difference=difference)
        self._world = begin.world
        self._difference, self._known = difference, known

    def gating(self, window: Sequence[pa.Table]) -> Gating:
        rows = np.arange(3, sum(table.num_rows for table in window), 7)
        candidate = np.zeros((len(rows), 12))
        candidate[:, 0] = 1.0
        low, high = (self._difference - 0.01, self._difference + 0.01) if self._known else (None, None)
        return Gating("cannot_tell", "logging policy", self._difference, low, high, rows, candidate, None)

    def learn(self, window: Sequence[pa.Table], day: dt.date) -> Learnt:
        super().learn(window, day)
        return Learnt(None, self.gating(window))


def test_the_true_difference_by_hand(begin: Start) -> None:
    world, window = begin.world, begin.warm_up
    gating = Gated(begin, 0.0).gating(window)
    users, days = window_rows(world, window, gating.rows)
    assert (
        users[:2].tolist()
        == world.positions([window[0]["user_id"][3].as_py(), window[0]["user_id"][10].as_py()]).tolist()
    )
    assert set(days) == {np.datetime64(monday(world, 0)), np.datetime64(monday(world, 1))}
    parts = []
    for week in (0, 1):
        of_week = users[days == np.datetime64(monday(world, week))]
        day = monday(world, week)
        bestsellers = world.expected_reward(of_week, day)[:, 0].sum()
        parts.append(bestsellers - len(of_week) * policy_value(world, of_week, day, RulesPolicy()))
    assert true_difference(world, window, gating) == pytest.approx(sum(parts) / len(users))
    other = dataclasses.replace(gating, production=gating.candidate)
    assert true_difference(world, window, other) == 0.0
    assert matrix_value(world, users, monday(world, 0), gating.candidate) > 0.0


def test_coverage_counts_the_intervals_that_hold_the_truth(begin: Start) -> None:
    truth = true_difference(begin.world, begin.warm_up, Gated(begin, 0.0).gating(begin.warm_up))
    close, far = run(begin, Gated(begin, truth), SETTING), run(begin, Gated(begin, truth + 0.02), SETTING)
    assert close.weeks[0].covered is True
    assert close.weeks[0].true_difference == pytest.approx(truth)
    assert far.weeks[0].covered is False
    unknown = run(begin, Gated(begin, truth, known=False), SETTING).weeks[0]
    assert unknown.covered is unknown.low is None
    gate = loop_report.report([close]).learners[0].gate
    assert gate is not None
    assert (gate.verdicts, gate.intervals) == ({"cannot_tell": 2}, 2)
    assert gate.covered == sum(bool(week.covered) for week in close.weeks)


# --- figures over seeds --------------------------------------------------------------------------------


def test_mean_and_spread_over_seeds() -> None:
    found = loop_report.report([made("a", 1, 0.1, 0.2), made("a", 2, 0.1, 0.24), made("b", 1, 0.1, 0.3)])
    assert [figures.learner for figures in found.learners] == ["b", "a"]
    a = found.learners[1]
    assert a.seeds == (1, 2)
    assert a.weeks[1]["expected_reward"].mean == pytest.approx(0.22)
    assert a.weeks[1]["expected_reward"].deviation == pytest.approx(0.02 * 2**0.5)
    assert a.weeks[1]["gap_closed"].mean == pytest.approx(0.6)
    assert "expected_reward_greedy" not in a.weeks[0]
    assert found.learners[0].weeks[1]["expected_reward"].deviation is None
    assert a.gate is None
    assert a.seconds == {"fit": 2.0}
    assert found.references["oracle"] == (0.3, 0.3)
    assert found.best_single == "deals"


def test_runs_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(DataError, match="seed 1: a and b started from different logs"):
        loop_report.report([made("a", 1, 0.1), made("b", 1, 0.1, digest="e")])
    with pytest.raises(DataError, match=r"runs of \[1, 2\] weeks"):
        loop_report.report([made("a", 1, 0.1), made("b", 1, 0.1, 0.1)])
    with pytest.raises(DataError, match="no runs"):
        loop_report.report([])


def test_json_csv_and_picture(tmp_path: Path) -> None:
    from newsletter_bandit.simulation import loop_plot

    done = [
        made("a", 1, 0.1, 0.2),
        made("a", 2, 0.1, 0.24),
        made("b", 1, 0.1, 0.3, verdict="blessed", covered=True),
    ]
    loop_report.write(tmp_path, done)
    content = json.loads((tmp_path / loop_report.JSON_FILE).read_text())
    assert content["learners"][1]["weeks"][1]["gap_closed"]["mean"] == pytest.approx(0.6)
    assert content["learners"][0]["gate"] == {"verdicts": {"blessed": 2}, "intervals": 2, "covered": 2}
    with (tmp_path / loop_report.CSV_FILE).open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 6
    assert (lines[3]["learner"], lines[3]["seed"], lines[3]["week"], lines[3]["reward"]) == (
        "a",
        "2",
        "2",
        "0.24",
    )
    loop_plot.draw(loop_report.report(done), tmp_path / loop_plot.FILE, "Title", peers={"b"})
    assert (tmp_path / loop_plot.FILE).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "closed_loop.csv",
        "closed_loop.json",
        "closed_loop.png",
    ]


# --- keeping and resuming ------------------------------------------------------------------------------


def test_finished_runs_are_kept_while_nothing_has_changed(use_case: UseCase, tmp_path: Path) -> None:
    first = ["x 1 finished", "y 1 finished", "x 2 finished", "y 2 finished"]
    kept = [text.replace("finished", "kept") for text in first]
    assert series(use_case, tmp_path) == first
    assert series(use_case, tmp_path) == kept
    runs.path_of(tmp_path, "y", 1).unlink()
    assert series(use_case, tmp_path) == [kept[0], first[1], *kept[2:]]
    assert series(use_case, tmp_path, alpha=2) == first
    assert series(use_case, tmp_path, dataclasses.replace(SETTING, weeks=1), alpha=2) == first
    assert series(use_case, tmp_path, fresh=True) == first


def test_written_and_read_again_is_the_same(tmp_path: Path) -> None:
    done = made("a", 3, 0.1, 0.2, verdict="blessed", low=-0.1, high=0.1, difference=0.0, covered=True)
    runs.write(tmp_path, done)
    assert runs.read(runs.path_of(tmp_path, "a", 3)) == done
    path = runs.path_of(tmp_path, "a", 3)
    path.write_text(path.read_text()[:-40])
    with pytest.raises(DataError, match=r"seed-3\.json: not a finished run.*remove it to run it again"):
        runs.read(path)


# Kills itself in the n-th week that is learnt, or never.
KILLED = """
import os, signal, sys
from pathlib import Path
from newsletter_bandit.settings.reading import load_use_case
from tests.simulation.toy_learners import CONFIG, Toy, series

folder, weeks_left = Path(sys.argv[1]), int(sys.argv[2])
learn = Toy.learn
def learn_or_die(*given):
    global weeks_left
    weeks_left -= 1
    if not weeks_left:
        os.kill(os.getpid(), signal.SIGKILL)
    return learn(*given)
Toy.learn = learn_or_die
print(series(load_use_case(CONFIG), folder), flush=True)
"""


def test_killed_anywhere_it_goes_on(tmp_path: Path) -> None:
    """A process that is killed while it runs loses only the run it was in."""

    def run_until(week: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(week)]
        return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)

    # Two weeks per run: killed in the second week of the second one.
    assert run_until(4).returncode == -signal.SIGKILL
    first = runs.path_of(tmp_path, "x", 1)
    before = first.read_bytes()
    assert not runs.path_of(tmp_path, "y", 1).exists()
    done = run_until(0)
    assert done.returncode == 0
    assert done.stdout == f"{['x 1 kept', 'y 1 finished', 'x 2 finished', 'y 2 finished']}\n"
    assert first.read_bytes() == before
