"""Peers of our agents in the closed loop: VowpalWabbit, MABWiser and per-arm gradient boosting of
scikit-learn.

Runs in the environment of the peers, `benchmarks/.venv`, in a process of its own; of this project it imports
the TensorFlow-free `newsletter_bandit.simulation` only. `benchmarks/closed_loop.py` starts it and puts its
runs beside those of our agents.

Each peer gets the same window of logs as our agents, retrains from scratch every week, fills all newsletters
from its first training on (it has no gate), and explores as it was made to. Their settings were tuned on
seeds that the benchmark does not use; docs/closed_loop.md lists what was tried.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsletter_bandit.settings.reading import load_use_case
from newsletter_bandit.settings.tables import RESERVED_COLUMNS
from newsletter_bandit.simulation.behaviour import draw
from newsletter_bandit.simulation.catalogue import FEATURES, RECOMMENDERS
from newsletter_bandit.simulation.learner import FirstSlots, Learnt
from newsletter_bandit.simulation.loop import Setting
from newsletter_bandit.simulation.series import run_series
from newsletter_bandit.simulation.vectors import Encoder, numbers

EPSILON = 0.1
_K = len(RECOMMENDERS)

# Tuned settings of each peer.
_NOTHING: dict[str, Any] = {}
_VW = {
    "cb_type": "mtr",
    "exploration": ["--squarecb"],
    "interactions": ["UA", "UUA"],
    "learning_rate": 0.03,
    "power_t": 0.5,
    "l2": 0.0,
    "clip_p": 0.2,
    "bits": 22,
    "passes": 3,
}
_LIN_UCB = {"alpha": 0.3, "l2": 300.0}
_LIN_TS = {"alpha": 0.1, "l2": 300.0}
_GB = {
    "learning_rate": 0.05,
    "max_iter": 100,
    "max_leaf_nodes": 4,
    "min_samples_leaf": 200,
    "l2": 10.0,
    "epsilon": EPSILON,
}
_DRAWS = 0x7065657273  # stream of the peers' own choices


class Rows:
    """The part of a table that a peer reads: features, eligible recommenders and, of a log, the outcomes."""

    def __init__(self, table: pa.Table, day: dt.date | None = None) -> None:
        self.table = table
        made = [name for name in table.column_names if name not in (*RESERVED_COLUMNS, *FEATURES)]
        # What was shown before is a number.
        self.features = [*(name for name in FEATURES if name in table.column_names), *made]
        if day is None:
            self.days = table["sent_at"].cast(pa.timestamp("us")).to_numpy().astype("datetime64[D]")
            self.action = pc.index_in(
                table["recommender"].combine_chunks(), pa.array(RECOMMENDERS)
            ).to_numpy()
            self.propensity = table["propensity"].to_numpy()
            clicked, left = (np.array(table[name].to_pylist(), float) for name in ("clicked", "unsubscribed"))
            self.reward = np.where(left > 0, -1.0, clicked)
        else:
            self.days = np.full(table.num_rows, day, "datetime64[D]")
        self.eligible = _eligible(table["eligible_recommenders"].combine_chunks())


def _eligible(lists: pa.ListArray) -> np.ndarray:
    """[n, K] from the lists of names; NULL means all."""
    mask = np.repeat(~lists.is_valid().to_numpy(zero_copy_only=False)[:, None], _K, axis=1)
    codes = pc.index_in(lists.flatten(), pa.array(RECOMMENDERS)).to_numpy()
    mask[pc.list_parent_indices(lists).to_numpy(), codes] = True
    return mask


def _epsilon_greedy(estimates: np.ndarray, eligible: np.ndarray, epsilon: float) -> np.ndarray:
    """First-slot probabilities [n, K]."""
    best = np.where(eligible, estimates, -np.inf).argmax(axis=1)
    probabilities = epsilon * eligible / eligible.sum(axis=1, keepdims=True)
    probabilities[np.arange(len(best)), best] += 1.0 - epsilon
    return probabilities


class _Model:
    """Serves by first-slot probabilities that `choose` gives for a table's rows."""

    def __init__(self, version: str, seed: int, choose: Callable[[Rows], np.ndarray]) -> None:
        self.version = version
        self._seed = seed
        self._choose = choose

    def first_slots(self, inference: pa.Table, day: dt.date) -> FirstSlots:
        probabilities = self._choose(Rows(inference, day))
        served = draw(np.random.default_rng([self._seed, _DRAWS, day.toordinal()]), probabilities)
        propensity = np.minimum(probabilities[np.arange(len(served)), served], 1.0)
        return FirstSlots(served, propensity, probabilities.argmax(axis=1))


class _Peer:
    """A learner that fits anew each week; subclasses say how."""

    name = ""
    defaults: Mapping[str, Any] = _NOTHING

    def __init__(self, seed: int, **changes: Any) -> None:
        self.settings: Mapping[str, Any] = {**self.defaults, **changes}
        self._seed = seed
        self._weeks: dict[str, Rows] = {}

    def learn(self, window: Sequence[pa.Table], day: dt.date) -> Learnt:
        clock = time.perf_counter()
        # A week is read once, whatever the number of windows that it is in.
        self._weeks = {
            key: self._weeks.get(key) or Rows(table)
            for key, table in ((str(table["campaign"][0]), table) for table in window)
        }
        rows = list(self._weeks.values())
        read = time.perf_counter() - clock
        model = _Model(f"{self.name}-{day}", self._seed, self._fit(rows))
        return Learnt(model, seconds={"read": read, "fit": time.perf_counter() - clock - read})

    def _fit(self, weeks: list[Rows]) -> Callable[[Rows], np.ndarray]:
        raise NotImplementedError


# --- VowpalWabbit -------------------------------------------------------------------------------------------


class VowpalWabbit(_Peer):
    """Contextual bandit with action-dependent features, reduced to importance-weighted regression."""

    name = "vowpal_wabbit"
    defaults = _VW

    def _fit(self, weeks: list[Rows]) -> Callable[[Rows], np.ndarray]:
        import vowpalwabbit

        settings = self.settings
        moments = moments_of(weeks)
        folder = tempfile.TemporaryDirectory(prefix="vowpal_wabbit_")
        data = Path(folder.name) / "train.txt"
        examples = [example for rows in weeks for example in vw_examples(rows, moments)]
        # In random order: an online learner would otherwise remember the last week best.
        np.random.default_rng(self._seed).shuffle(examples)
        data.write_text("".join(examples))
        model = Path(folder.name) / "model"
        vowpalwabbit.Workspace(arg_list=vw_training(settings, self._seed, data, model)).finish()

        def choose(rows: Rows) -> np.ndarray:
            asked, answers = Path(folder.name) / "ask.txt", Path(folder.name) / "answers.txt"
            with asked.open("w") as file:
                file.writelines(vw_examples(rows, moments))
            vowpalwabbit.Workspace(
                arg_list=["-t", "-i", str(model), "-d", str(asked), "-p", str(answers), "--quiet"]
            ).finish()
            return vw_probabilities(answers, rows.eligible)

        return choose


def vw_training(settings: Mapping[str, Any], seed: int, data: Path, model: Path) -> list[str]:
    """Arguments of a training on the examples in ``data``, which are cached beside ``model``."""
    arguments = ["--cb_explore_adf", "--cb_type", settings["cb_type"], *settings["exploration"]]
    for interaction in settings["interactions"]:
        arguments += ["--interactions", interaction]
    for option in ("learning_rate", "power_t", "l2", "clip_p"):
        arguments += [f"--{option}", str(settings[option])]
    arguments += ["-b", str(settings["bits"]), "--quiet", "--random_seed", str(seed)]
    arguments += ["-d", str(data), "--passes", str(settings["passes"])]
    return [*arguments, "--cache_file", str(model.with_name("cache")), "-k", "-f", str(model)]


def moments_of(weeks: list[Rows]) -> dict[str, tuple[float, float]]:
    found = {}
    for name in weeks[0].features:
        if FEATURES.get(name) != "string":
            values = np.concatenate([numbers(rows.table, name, rows.days) for rows in weeks])
            found[name] = (float(np.nanmean(values)), float(np.nanstd(values)) or 1.0)
    return found


def vw_examples(rows: Rows, moments: Mapping[str, tuple[float, float]]) -> Sequence[str]:
    """Multi-line examples: the user in namespace U, each eligible recommender in a namespace A of its own
    line.
    """
    parts: list[list[str]] = []
    for name in rows.features:
        if name in moments:
            mean, deviation = moments[name]
            values = (numbers(rows.table, name, rows.days) - mean) / deviation
            parts.append([f"{name}:{v:.4g}" if v == v else f"{name}_missing" for v in values.tolist()])
        else:
            parts.append([f"{name}={value}" for value in rows.table[name].to_pylist()])
    users = [" ".join(words) for words in zip(*parts, strict=True)]
    logged = hasattr(rows, "action")
    bits = rows.eligible @ (1 << np.arange(_K))
    lines = {
        code: [f"|A {name}\n" for number, name in enumerate(RECOMMENDERS) if code >> number & 1]
        for code in np.unique(bits).tolist()
    }
    place = (np.cumsum(rows.eligible, axis=1) - 1).tolist()
    examples = []
    for row, (user, code) in enumerate(zip(users, bits.tolist(), strict=True)):
        actions = lines[code]
        if logged:
            action = int(rows.action[row])
            actions = list(actions)
            where = place[row][action]
            actions[where] = f"0:{-rows.reward[row]:g}:{rows.propensity[row]:.6g} {actions[where]}"
        examples.append(f"shared |U {user}\n{''.join(actions)}\n")
    return examples


def vw_probabilities(answers: Path, eligible: np.ndarray) -> np.ndarray:
    """[n, K] from VowpalWabbit's `action:probability` lists, in which actions count the eligible ones."""
    columns = [np.flatnonzero(row) for row in eligible]
    probabilities = np.zeros(eligible.shape)
    lines = (line for line in answers.read_text().splitlines() if line)
    for row, line in enumerate(lines):
        for pair in line.split(","):
            action, _, probability = pair.partition(":")
            probabilities[row, columns[row][int(action)]] = float(probability)
    return probabilities / probabilities.sum(axis=1, keepdims=True)


# --- MABWiser -----------------------------------------------------------------------------------------------


class _MABWiser(_Peer):
    """Ridge regression per recommender over one-hot strings and z-scored numbers."""

    policy = ""

    def _fit(self, weeks: list[Rows]) -> Callable[[Rows], np.ndarray]:
        from mabwiser.mab import MAB, LearningPolicy

        table = pa.concat_tables([rows.table for rows in weeks])
        days = np.concatenate([rows.days for rows in weeks])
        encode = Encoder(table, days)
        policy = getattr(LearningPolicy, self.policy)(
            alpha=self.settings["alpha"], l2_lambda=self.settings["l2"]
        )
        mab = MAB(list(range(_K)), policy, seed=self._seed)
        mab.fit(
            np.concatenate([rows.action for rows in weeks]),
            np.concatenate([rows.reward for rows in weeks]),
            encode(table, days),
        )
        return lambda rows: self._probabilities(mab, encode(rows.table, rows.days), rows.eligible)

    def _probabilities(self, mab: Any, contexts: np.ndarray, eligible: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class LinUCB(_MABWiser):
    """MABWiser's LinUCB: optimistic, without any chance."""

    name = "mabwiser_lin_ucb"
    defaults = _LIN_UCB
    policy = "LinUCB"

    def _probabilities(self, mab: Any, contexts: np.ndarray, eligible: np.ndarray) -> np.ndarray:
        expectations = np.array([list(row.values()) for row in mab.predict_expectations(contexts)])
        return _epsilon_greedy(expectations, eligible, 0.0)


class LinTS(_MABWiser):
    """MABWiser's LinTS: one posterior draw per user and recommender.

    MABWiser draws but does not say with which probability, which the log needs. A drawn estimate of one
    recommender is normal with mean x beta and variance alpha^2 x A^-1 x, independent of the others, so
    P(a is best) = integral of phi_a(z) prod_{b != a} Phi_b(z) dz, by Gauss-Hermite quadrature.
    """

    name = "mabwiser_lin_ts"
    defaults = _LIN_TS
    policy = "LinTS"

    def _probabilities(self, mab: Any, contexts: np.ndarray, eligible: np.ndarray) -> np.ndarray:
        models = [mab._imp.arm_to_model[arm] for arm in range(_K)]
        mean = np.stack([contexts @ model.beta for model in models], axis=1)
        variance = np.stack([((contexts @ model.A_inv) * contexts).sum(axis=1) for model in models], axis=1)
        return best_of_normals(mean, self.settings["alpha"] * np.sqrt(variance), eligible)


def best_of_normals(
    mean: np.ndarray, deviation: np.ndarray, eligible: np.ndarray, nodes: int = 32
) -> np.ndarray:
    """P(column k is the largest of independent normals) [n, K], over the eligible columns."""
    from scipy.special import ndtr

    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()
    probabilities = np.zeros(mean.shape)
    for k in range(mean.shape[1]):
        for point, weight in zip(points, weights, strict=True):
            z = mean[:, k] + deviation[:, k] * point
            below = np.where(eligible, ndtr((z[:, None] - mean) / deviation), 1.0)
            below[:, k] = 1.0
            probabilities[:, k] += weight * below.prod(axis=1)
    probabilities *= eligible
    return probabilities / probabilities.sum(axis=1, keepdims=True)


# --- scikit-learn -------------------------------------------------------------------------------------------


class GradientBoosting(_Peer):
    """HistGradientBoostingRegressor per recommender, epsilon-greedy."""

    name = "gradient_boosting"
    defaults = _GB

    def _fit(self, weeks: list[Rows]) -> Callable[[Rows], np.ndarray]:
        from sklearn.ensemble import HistGradientBoostingRegressor

        features = weeks[0].features
        words = {
            name: pa.concat_tables([rows.table.select([name]) for rows in weeks])[name].unique()
            for name in features
            if FEATURES.get(name) == "string"
        }

        def columns(rows: Rows) -> np.ndarray:
            found = []
            for name in features:
                if name in words:
                    codes = pc.index_in(rows.table[name].combine_chunks(), words[name])
                    found.append(codes.cast(pa.float64()).to_numpy(zero_copy_only=False))
                else:
                    found.append(numbers(rows.table, name, rows.days))
            return np.stack(found, axis=1)

        x = np.concatenate([columns(rows) for rows in weeks])
        action = np.concatenate([rows.action for rows in weeks])
        reward = np.concatenate([rows.reward for rows in weeks])
        settings = self.settings
        models = []
        for arm in range(_K):
            model = HistGradientBoostingRegressor(
                learning_rate=settings["learning_rate"],
                max_iter=settings["max_iter"],
                max_leaf_nodes=settings["max_leaf_nodes"],
                min_samples_leaf=settings["min_samples_leaf"],
                l2_regularization=settings["l2"],
                categorical_features=[name in words for name in features],
                random_state=self._seed,
            )
            shown = action == arm
            models.append(model.fit(x[shown], reward[shown]) if shown.sum() > 1 else None)

        def choose(rows: Rows) -> np.ndarray:
            asked = columns(rows)
            zeros = np.zeros(len(asked))
            estimates = np.stack([zeros if m is None else m.predict(asked) for m in models], axis=1)
            return _epsilon_greedy(estimates, rows.eligible, settings["epsilon"])

        return choose


PEERS: dict[str, type[_Peer]] = {peer.name: peer for peer in (VowpalWabbit, LinUCB, LinTS, GradientBoosting)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs peers and writes their runs; a JSON line on stdout as each goes on and ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--use-case", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where finished runs are kept")
    parser.add_argument("--peer", action="append", choices=sorted(PEERS), help="all unless given")
    parser.add_argument("--seeds", type=int, required=True)
    parser.add_argument("--first-seed", type=int, required=True)
    parser.add_argument("--weeks", type=int, required=True)
    parser.add_argument("--newsletters", type=int, required=True)
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args(arguments)
    use_case = load_use_case(options.use_case)
    setting = Setting.of(use_case, options.weeks, options.newsletters)
    run_series(
        use_case,
        setting,
        range(options.first_seed, options.first_seed + options.seeds),
        {name: lambda begin, name=name: PEERS[name](begin.world.seed) for name in options.peer or PEERS},
        options.folder,
        options.fresh,
        lambda event: print(json.dumps(asdict(event)), flush=True),
    )


if __name__ == "__main__":
    main()
