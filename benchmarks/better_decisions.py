"""Better decisions from the same log: what a refit on all rows, wider networks, the mean of several, and
cheaper exploration each add to today's defaults.

    python -m benchmarks.better_decisions [--seeds 5] [--first-seed 201] [--newsletters 12500] [--no-peers]

In each simulated world, marketing's rule fills four weeks of newsletters. Every variant learns from this log
and is asked for the users of the next week, and the world says what each choice is truly worth. So the
variants differ by what they learned alone. The tables show the share of the gap from a uniform choice to the
best possible one, without exploring and as served, paired over the worlds.

The third table is about exploration. The default's first model explores, and what it sent joins the log. The
next candidate learns from the last four weeks of it. How well could the gate judge that candidate by a log of
the first model alone, if both explore in the same way? The importance weight of a choice is

    w = pi_candidate(a | x) / pi_first(a | x)

The gate cuts it at `gate.weight_clip`, and bounds two figures: the share of the weight that is cut away, and
the effective sample size of what is left. Exploring more improves both, and costs reward. The table compares
ways to explore where they cut as much as today's: what each costs there, and its effective sample size.

The estimates of each world are kept in the work folder, so that a killed run goes on, and another way to
explore needs no training.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks import closed_loop
from components.transform.layout import Layout, vocabulary_sizes
from newsletter_bandit.files import filled
from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.simulation.behaviour import draw
from newsletter_bandit.simulation.loop import Setting, Start, monday, start
from pipelines.closed_loop import planning
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from pipelines.closed_loop.learner import SharedWeeks, Week

ROOT = Path(__file__).resolve().parents[1]
# The demo has seed 1, the closed loop 1 to 5; 101 tuned the peers.
FIRST_SEED = 201
PEERS = ("mabwiser_lin_ucb", "gradient_boosting")
DEFAULTS = "today's defaults"
BOTH, ALL = "refit, mean of 4", "refit, mean of 4, wider"
NEXT = "the next candidate"

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
# Estimates [n, K] and eligible recommenders [n, K] -> probabilities [n, K].
Policy = Callable[[Floats, Bools], Floats]


@dataclass(frozen=True)
class Variant:
    """One way to learn.

    Attributes:
      agent: settings of the agent that differ from the use case's own.
      all_rows: learns from the rows of the held-out users as well, as a refit does.
    """

    agent: Mapping[str, Any]
    all_rows: bool = False


VARIANTS = {
    DEFAULTS: Variant({}),
    "refit on all rows": Variant({}, all_rows=True),
    "wider, [128]": Variant({"hidden_layers": (128,)}),
    "mean of 4 networks": Variant({"networks": 4}),
    BOTH: Variant({"networks": 4}, all_rows=True),
    ALL: Variant({"hidden_layers": (128,), "networks": 4}, all_rows=True),
}


@dataclass(frozen=True, eq=False)
class Asked:
    """One world's users of the week after the log, and what each variant thinks of them.

    Attributes:
      truth: expected reward [n, K].
      eligible: [n, K].
      estimates: of each variant, and of the next candidate, [n, K].
    """

    truth: Floats
    eligible: Bools
    estimates: Mapping[str, Floats]

    def closed(self, probabilities: Floats) -> float:
        """Share of the gap from a uniform choice to the best one that first slots [n, K] close."""
        uniform = self.value(self.eligible / self.eligible.sum(axis=1, keepdims=True))
        oracle = float(np.where(self.eligible, self.truth, -np.inf).max(axis=1).mean())
        return (self.value(probabilities) - uniform) / (oracle - uniform)

    def value(self, probabilities: Floats) -> float:
        """True reward per newsletter of first slots [n, K]."""
        return float((probabilities * self.truth).sum(axis=1).mean())

    def save(self, path: Path) -> None:
        """Writes the arrays, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {f"of {name}": values for name, values in self.estimates.items()}
        with filled(path) as temporary, temporary.open("xb") as file:
            np.savez_compressed(file, truth=self.truth, eligible=self.eligible, **arrays)

    @classmethod
    def load(cls, path: Path) -> Asked:
        """Inverse of `save`."""
        with np.load(path) as stored:
            names = [name for name in stored.files if name.startswith("of ")]
            estimates = {name.removeprefix("of "): stored[name] for name in names}
            return cls(stored["truth"], stored["eligible"], estimates)


# --- ways to explore ----------------------------------------------------------------------------------------


def greedy(estimates: Floats, eligible: Bools) -> Floats:
    """All on the best estimate."""
    best = np.where(eligible, estimates, -np.inf).argmax(axis=1)
    chosen: Floats = np.zeros(estimates.shape)
    chosen[np.arange(len(best)), best] = 1.0
    return chosen


def boltzmann(temperature: float, epsilon: float) -> Policy:
    """A softmax, mixed with uniform choices; today's."""

    def policy(estimates: Floats, eligible: Bools) -> Floats:
        logits = np.where(eligible, estimates / temperature, -np.inf)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return _mixed(weights / weights.sum(axis=1, keepdims=True), eligible, epsilon)

    return policy


def epsilon_greedy(epsilon: float) -> Policy:
    """The best estimate, mixed with uniform choices."""
    return lambda estimates, eligible: _mixed(greedy(estimates, eligible), eligible, epsilon)


def square_cb(gamma: float, power: float = 1.0) -> Policy:
    """1 / (K + (gamma gap)^power) for all but the best estimate, which gets the rest; SquareCB has power 1.

    See "Beyond UCB: Optimal and Efficient Contextual Bandits with Regression Oracles" by Foster and Rakhlin
    (https://arxiv.org/abs/2002.04926).
    """

    def policy(estimates: Floats, eligible: Bools) -> Floats:
        best = greedy(estimates, eligible)
        top = np.where(eligible, estimates, -np.inf).max(axis=1, keepdims=True)
        gap = np.where(eligible, top - estimates, 0.0)
        count = eligible.sum(axis=1, keepdims=True)
        others = np.where(eligible & (best == 0.0), 1.0 / (count + (gamma * gap) ** power), 0.0)
        return others + best * (1.0 - others.sum(axis=1, keepdims=True))

    return policy


def budget(share: float, nearest: int, epsilon: float) -> Policy:
    """The best estimate, less a budget of ``share`` for each of the ``nearest`` next ones, mixed with uniform
    choices.
    """

    def policy(estimates: Floats, eligible: Bools) -> Floats:
        order = np.argsort(-np.where(eligible, estimates, -np.inf), axis=1, kind="stable")
        rank = np.argsort(order, axis=1, kind="stable")
        near = np.where(eligible & (rank > 0) & (rank <= nearest), share, 0.0)
        best = greedy(estimates, eligible) * (1.0 - near.sum(axis=1, keepdims=True))
        return _mixed(near + best, eligible, epsilon)

    return policy


def _mixed(probabilities: Floats, eligible: Bools, epsilon: float) -> Floats:
    uniform = eligible / eligible.sum(axis=1, keepdims=True)
    mixed: Floats = (1.0 - epsilon) * probabilities + epsilon * uniform
    return mixed


# Of each kind, from little to much exploration.
_GRID = np.geomspace(1.0, 100.0, 17)
KINDS: dict[str, list[tuple[float, Policy]]] = {
    **{
        f"softmax, epsilon {epsilon:g}": [(t, boltzmann(t, epsilon)) for t in 0.0005 * _GRID]
        for epsilon in (0.02, 0.01, 0.005, 0.002)
    },
    "epsilon-greedy": [(e, epsilon_greedy(e)) for e in 0.005 * _GRID],
    "SquareCB": [(g, square_cb(g)) for g in 100_000.0 / _GRID**2],
    "SquareCB of squared gaps": [(g, square_cb(g, 2.0)) for g in 5_000.0 / _GRID],
    "budget for the next 3, epsilon 0.005": [(b, budget(b, 3, 0.005)) for b in 0.002 * _GRID],
}


@dataclass(frozen=True)
class Explored:
    """What a way to explore costs and gives in one world.

    Attributes:
      cost: reward per newsletter, against the same estimates without exploring.
      cut: share of the next candidate's weight that the gate's clip takes away, in [0, 1).
      sample: effective sample size per newsletter of what is left, in (0, 1].
      largest: weight before the clip.
    """

    cost: float
    cut: float
    sample: float
    largest: float


def explored(asked: Asked, policy: Policy, weight_clip: float) -> Explored:
    """Measures one way to explore; see the module."""
    first, candidate = (policy(asked.estimates[name], asked.eligible) for name in (DEFAULTS, NEXT))
    cost = asked.value(greedy(asked.estimates[DEFAULTS], asked.eligible)) - asked.value(first)
    weights = np.divide(candidate, first, out=np.zeros_like(first), where=first > 0.0)
    used = np.minimum(weights, weight_clip)
    left = float((first * used).sum(axis=1).mean())
    sample = left**2 / float((first * used**2).sum(axis=1).mean())
    return Explored(cost, 1.0 - left, sample, float(weights.max()))


def at_cut(
    asked: Asked, kind: Sequence[tuple[float, Policy]], wanted: float, weight_clip: float
) -> tuple[float, Explored] | None:
    """Parameter and figures at which a kind cuts the share ``wanted``, between two of the grid; None where
    it nowhere does.
    """
    found = [(parameter, explored(asked, policy, weight_clip)) for parameter, policy in kind]
    for (low, one), (high, other) in itertools.pairwise(found):
        if one.cut >= wanted >= other.cut:
            part = (one.cut - wanted) / max(one.cut - other.cut, 1e-12)

            def between(first: float, last: float, part: float = part) -> float:
                return first + part * (last - first)

            figures = [between(*pair) for pair in zip(astuple(one), astuple(other), strict=True)]
            return float(np.exp(between(np.log(low), np.log(high)))), Explored(*figures)
    return None


# --- worlds -------------------------------------------------------------------------------------------------


def measure(
    use_case: UseCase,
    setting: Setting,
    seed: int,
    folder: Path,
    known: Mapping[str, Floats],
    tell: Callable[[str], None],
) -> Asked:
    """Trains every variant in the world of a seed whose estimates are not ``known``, and asks it."""
    import tensorflow as tf

    from components.example_gen.in_memory import inference_examples
    from newsletter_bandit.exported_model import REWARD_ESTIMATES
    from pipelines.closed_loop.learner import SharedWeeks

    begin = start(use_case, setting, seed)
    shared = SharedWeeks(use_case, begin.warm_up, folder / "transform", begin.digest)
    day = monday(begin.world, setting.warm_up_weeks)
    users = begin.world.recipients(day, setting.newsletters)
    _, examples = inference_examples(use_case, begin.world.inference(users, day), day)

    def estimates(variant: Variant, weeks: Sequence[Week]) -> Floats:
        model = _trained(use_case, variant, shared, weeks)
        found: Floats = model.evaluation(tf.constant(examples))[REWARD_ESTIMATES].numpy().astype(np.float64)
        return found

    weeks = list(shared.warm_up.values())
    eligible = begin.world.eligible(users)
    found = dict(known)
    for name in (name for name in VARIANTS if name not in known):
        tell(f"world {seed}: {name}")
        found[name] = estimates(VARIANTS[name], weeks)
    if NEXT not in found:
        tell(f"world {seed}: {NEXT}")
        sent = _sent(begin, use_case, found[DEFAULTS], eligible, setting, seed)
        found[NEXT] = estimates(VARIANTS[DEFAULTS], [*weeks[1:], shared.week(sent)])
    return Asked(begin.world.expected_reward(users, day), eligible, found)


def _trained(use_case: UseCase, variant: Variant, shared: SharedWeeks, weeks: Sequence[Week]) -> Any:
    from components.trainer.data import ArrayData
    from components.trainer.training import fit

    changed = use_case.model_copy(update={"agent": use_case.agent.model_copy(update=dict(variant.agent))})
    kept = [slice(None) if variant.all_rows else ~week.encoded.held_out for week in weeks]
    arrays = {
        key: np.concatenate([week.arrays[key][rows] for week, rows in zip(weeks, kept, strict=True)])
        for key in weeks[0].arrays
    }
    sizes = vocabulary_sizes(changed, shared.transform_output)
    data = ArrayData(arrays, Layout.of(changed), sizes, changed.propensity_weighting)
    return fit(changed, data, shared.transform_output)


def _sent(
    begin: Start, use_case: UseCase, estimates: Floats, eligible: Bools, setting: Setting, seed: int
) -> pa.Table:
    """The week that the default's model fills."""
    day = monday(begin.world, setting.warm_up_weeks)
    users = begin.world.recipients(day, setting.newsletters)
    probabilities = todays(use_case)(estimates, eligible)
    served = draw(np.random.default_rng([seed, 1]), probabilities)
    propensity = np.minimum(probabilities[np.arange(len(served)), served], 1.0)
    return begin.world.send(day, users, served, propensity, "first")


def todays(use_case: UseCase) -> Policy:
    """How the use case's own agent explores, which must be `boltzmann`."""
    return boltzmann(use_case.agent.temperature, use_case.exploration.epsilon)


# --- tables -------------------------------------------------------------------------------------------------


def rows(
    worlds: Sequence[Asked],
    today: Policy,
    cheaper: Policy,
    peers: Mapping[str, Sequence[tuple[float, float]]],
) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Each line of the first table: its name, and (greedy, as served) of each world."""
    learned = [(name, name, today) for name in VARIANTS]
    explored_ = [("cheaper exploration", DEFAULTS, cheaper)]
    explored_ += [(f"{name}, cheaper exploration", name, cheaper) for name in (BOTH, ALL)]
    for label, variant, policy in (*learned, *explored_):
        yield (
            label,
            [
                (
                    world.closed(greedy(world.estimates[variant], world.eligible)),
                    world.closed(policy(world.estimates[variant], world.eligible)),
                )
                for world in worlds
            ],
        )
    yield from ((name, list(found)) for name, found in peers.items())


def decisions(lines: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> Table:
    """Share of the gap that each line closes, in %, and what it adds to the first, paired by world."""
    table = Table("", "greedy", "added", "as served", "added", box=SIMPLE_HEAD)
    base = lines[0][1]
    for name, found in lines:
        cells = []
        for side in (0, 1):
            cells.append(f"{100 * statistics.fmean(one[side] for one in found):.1f}")
            added = [100 * (one[side] - other[side]) for one, other in zip(found, base, strict=True)]
            cells.append("" if found is base else f"{statistics.fmean(added):+.2f}{_error(added)}")
        table.add_row(name, *cells)
    return table


def _error(values: Sequence[float]) -> str:
    """The standard error of a mean; "" of one value."""
    return f" ± {statistics.stdev(values) / len(values) ** 0.5:.2f}" if len(values) > 1 else ""


def agreements(worlds: Sequence[Asked]) -> Table:
    """How far each variant agrees with today's: first choices, and estimates of these."""
    table = Table("", "same first choice", "difference of estimates", box=SIMPLE_HEAD)
    for name in (*VARIANTS, NEXT):
        if name == DEFAULTS:
            continue
        same, apart = [], []
        for world in worlds:
            first = greedy(world.estimates[DEFAULTS], world.eligible)
            other = greedy(world.estimates[name], world.eligible)
            same.append(float((first * other).sum(axis=1).mean()))
            own, its = ((first * world.estimates[one]).sum(axis=1) for one in (DEFAULTS, name))
            apart.append(float(np.abs(own - its).mean() / own.mean()))
        table.add_row(name, f"{min(same):.1%} to {max(same):.1%}", f"{min(apart):.1%} to {max(apart):.1%}")
    return table


def exploration(worlds: Sequence[Asked], today: Policy, cheaper: Policy, weight_clip: float) -> Table:
    """What each kind costs where as much of the weight is cut as of today's."""
    table = Table(
        "exploration", "parameter", "cost", "of today's", "sample", "cut", "largest", box=SIMPLE_HEAD
    )
    now = [explored(world, today, weight_clip) for world in worlds]

    def add(name: str, parameter: str, found: Sequence[Explored]) -> None:
        costs = [one.cost for one in found]
        shares = [cost / one.cost for cost, one in zip(costs, now, strict=True)]
        table.add_row(
            name,
            parameter,
            f"{_of_gap(worlds, costs):.2f}",
            f"{statistics.fmean(shares):.0%}",
            f"{statistics.fmean(one.sample for one in found):.2%}",
            f"{statistics.fmean(one.cut for one in found):.1%}",
            f"{max(one.largest for one in found):,.0f}",
        )

    add("today's", "", now)
    add("cheaper", "", [explored(world, cheaper, weight_clip) for world in worlds])
    for name, kind in KINDS.items():
        pairs = [at_cut(world, kind, one.cut, weight_clip) for world, one in zip(worlds, now, strict=True)]
        there = [pair for pair in pairs if pair is not None]
        if len(there) < len(worlds):
            table.add_row(name, "", "nowhere")
            continue
        parameter = statistics.fmean(parameter for parameter, _ in there)
        add(name, f"{parameter:.4g}", [found for _, found in there])
    return table


def _of_gap(worlds: Sequence[Asked], costs: Sequence[float]) -> float:
    """Mean of costs in reward, as % of each world's gap from a uniform choice to the best one."""
    shares = []
    for world, cost in zip(worlds, costs, strict=True):
        uniform = world.eligible / world.eligible.sum(axis=1, keepdims=True)
        best = np.where(world.eligible, world.truth, -np.inf).max(axis=1).mean()
        shares.append(100.0 * cost / float(best - world.value(uniform)))
    return statistics.fmean(shares)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the benchmark of the command line."""
    options = _options(arguments)
    use_case = load_use_case(options.use_case)
    out = Console(width=130)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    setting = Setting.of(use_case, 1, options.newsletters)
    folder = options.workdir / "better_decisions"
    worlds = []
    for seed in seeds:
        path = folder / f"world-{seed}-{options.newsletters}.npz"
        known = {} if options.fresh or not path.exists() else Asked.load(path).estimates
        if {*VARIANTS, NEXT} - known.keys():
            made = measure(use_case, setting, seed, folder, known, lambda words: out.print(f"  {words}"))
            made.save(path)
        worlds.append(Asked.load(path))
    peers: dict[str, list[tuple[float, float]]] = {}
    if options.peer:
        environment = load_environment(ROOT / "configs" / "environments" / "local.yaml")
        workspace = Workspace(use_case, options.use_case, environment, folder)
        plan = planning.plan(workspace, [], 1, options.newsletters, options.seeds, options.first_seed)
        for run in closed_loop.run_peers(out, options, plan):
            (week,) = run.weeks
            gap = week.oracle - week.uniform
            values = (week.expected_reward_greedy or week.expected_reward, week.expected_reward)
            closed = [(value - week.uniform) / gap for value in values]
            peers.setdefault(run.learner, []).append((closed[0], closed[1]))
    today = todays(use_case)
    cheaper = boltzmann(options.temperature, options.epsilon)
    newsletters = setting.warm_up_weeks * setting.newsletters
    out.print(
        f"Share of the gap closed, in %; worlds: {len(worlds)}, newsletters of each log: {newsletters:,}"
    )
    out.print(decisions(list(rows(worlds, today, cheaper, peers))))
    out.print("Agreement with today's defaults")
    out.print(agreements(worlds))
    out.print("Exploration: cost in % of the gap, where as much of the next candidate's weight is cut")
    out.print(exploration(worlds, today, cheaper, use_case.gate.weight_clip))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--use-case", type=Path, default=ROOT / "configs" / "newsletter.yaml")
    parser.add_argument("--workdir", type=Path, default=ROOT / "workdir", help="holds all that is written")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--newsletters", type=int, default=12_500, help="a week; the log has four weeks")
    parser.add_argument("--temperature", type=float, default=0.007, help="of the cheaper exploration")
    parser.add_argument("--epsilon", type=float, default=0.005, help="of the cheaper exploration")
    parser.add_argument("--peer", action="append", help=f"once for each; {' and '.join(PEERS)} unless given")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--peers-python", type=Path, default=ROOT / "benchmarks" / ".venv" / "bin" / "python")
    parser.add_argument("--fresh", action="store_true", help="train again where estimates are kept")
    options = parser.parse_args(arguments)
    options.weeks = 1
    options.peer = [] if options.no_peers else options.peer or list(PEERS)
    return options


if __name__ == "__main__":
    main()
