"""Measures how fast a linear agent learns: ours, TF-Agents' own loop, MABWiser and VowpalWabbit.

Each side is a process that draws the rows from one seed, unclocked. What is clocked:

    ours                from arrays in memory to the trained agent, its coefficients solved
    ours, from files    the same from files as Transform writes them: unpacked, parsed, added up
    TF-Agents           `agent.train` over batches of the first rows: it is slow, so it gets few
    MABWiser            `MAB.fit` from arrays in memory
    VowpalWabbit        one pass over the rows as text, in which it was made to read them

The states are compared: our sums with those that `agent.train` reaches on its rows, our coefficients with
MABWiser's. A further row is our agent at the newsletter's width: 16 numbers and four strings, together 285
columns.

    python -m benchmarks.train_linear [--rows 1000000] [--few 20000] [--rounds 3] [--no-peers] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks import measuring
from benchmarks.measuring import Measured, Side, Target, clock, tell
from benchmarks.training_rows import draw_rows, layout, write_files
from components.transform.layout import ACTION, NUMERIC, REWARD

RECOMMENDERS, FEATURES, L2, SEED = 12, 20, 1.0, 11
# Largest vocabularies of configs/newsletter.yaml, and one value each for all others.
NEWSLETTER = (16, (33, 17, 17, 201))
_FILES = 4
_TF_AGENTS_BATCH = 64
_OURS = ("arrays", "files", "newsletter", "few", "tf_agents")
_PEERS = ("mabwiser", "vowpal_wabbit")


def main() -> None:
    """Runs all sides; see the module."""
    parser = measuring.parser(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--few", type=int, default=20_000, help="rows of TF-Agents' own loop")
    parser.add_argument("--no-peers", action="store_true", help="without benchmarks/.venv")
    parser.add_argument("--side", choices=("prepare", *_OURS, *_PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        rows = options.few if options.side in ("few", "tf_agents") else options.rows
        _SIDES[options.side](rows, options.folder)
        return
    if not options.no_peers:
        measuring.require_peers()
    with tempfile.TemporaryDirectory(prefix="newsletter_bandit_") as folder:
        report(options, Path(folder))


def report(options: argparse.Namespace, folder: Path) -> None:
    """Runs the sides in turn and ends the process."""

    def side(name: str) -> Side:
        return Side(
            name,
            measuring.this_module(
                "train_linear",
                *("--side", name, "--rows", options.rows, "--few", options.few, "--folder", folder),
                python=measuring.PEERS_PYTHON if name in _PEERS else measuring.PYTHON,
            ),
            {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"},
        )

    out = Console()
    measuring.run(side("prepare"))
    names = _OURS if options.no_peers else (*_OURS, *_PEERS)
    found = {one.name: one for one in measuring.in_turn([side(n) for n in names], options.rounds, out)}
    out.print(
        measuring.table(
            f"Training a linear agent: {RECOMMENDERS} recommenders, {FEATURES} features",
            list(found.values()),
            found.get("mabwiser"),
        )
    )
    states = {name: dict(np.load(_state(folder, name))) for name in found if _state(folder, name).exists()}
    differences = {"files": _difference(states["arrays"], states["files"], ("a", "b", "rows"))}
    differences["tf_agents"] = _difference(states["few"], states["tf_agents"], ("a", "b", "rows"))
    if "mabwiser" in states:
        differences["mabwiser"] = _difference(states["arrays"], states["mabwiser"], ("a", "b", "theta"))
    figures = {name: one.to_json() for name, one in found.items()} | {"differences": differences}
    measuring.finish(out, options.json, figures, _targets(found, differences))


def _targets(found: dict[str, Measured], differences: dict[str, float]) -> list[Target]:
    ours, floor = found["arrays"], 1_000_000
    worst = max(differences.values())
    targets = [
        Target(
            "a linear agent, from arrays",
            f"at least {floor:,} rows/s",
            f"{ours.rate:,.0f}",
            ours.rate >= floor,
        ),
        Target(
            "the state: largest difference, as a share of the largest entry",
            "at most 1e-6",
            f"{worst:.1e}",
            worst <= 1e-6,
        ),
    ]
    if "mabwiser" in found:
        ratio = ours.ratio(found["mabwiser"])
        targets.append(Target("against MABWiser", "at least 0.3 times", f"{ratio:.2f} times", ratio >= 0.3))
    return targets


def _difference(one: dict[str, Any], other: dict[str, Any], names: tuple[str, ...]) -> float:
    return max(float(np.abs(one[name] - other[name]).max() / np.abs(other[name]).max()) for name in names)


def _state(folder: Path, side: str) -> Path:
    return folder / f"{side}.npz"


def _rows(rows: int) -> Any:
    return draw_rows(rows, layout(RECOMMENDERS, FEATURES), (), SEED)


# --- our sides, and TF-Agents' ------------------------------------------------------------------------------


def _task(data: Any, sizes: tuple[int, ...]) -> tuple[Any, Any]:
    """An untrained agent and its task."""
    from components.trainer.agents import Task, lin_ucb
    from components.trainer.warm_start import Names
    from newsletter_bandit.settings.agents import LinUCB
    from newsletter_bandit.settings.reading import load_use_case

    use_case = load_use_case(measuring.REPOSITORY / "configs" / "newsletter.yaml")
    settings = LinUCB(type="lin_ucb", l2=L2)
    use_case = use_case.model_copy(update={"agent": settings})
    strings = data.layout.categorical_features
    vocabularies = {name: tuple(map(str, range(size))) for name, size in zip(strings, sizes, strict=True)}
    names = Names(data.layout.recommenders, data.layout.numeric_features, vocabularies)
    return lin_ucb.make_agent(settings, data), Task(use_case, data, names, lambda *_: None)


def _arrays(rows: int, numbers: int = FEATURES, sizes: tuple[int, ...] = ()) -> Any:
    from components.trainer.data import ArrayData
    from newsletter_bandit.settings.agents import PropensityWeighting

    of = layout(RECOMMENDERS, numbers, len(sizes))
    return ArrayData(draw_rows(rows, of, sizes, SEED), of, sizes, PropensityWeighting(enabled=False))


def _fit(data: Any, rows: int, state: Path) -> None:
    from components.trainer.agents import linear, linear_state

    agent, task = _task(data, data.vocabulary_sizes)
    with clock() as timed:
        linear.fit(agent, task, task.use_case.agent.batch_size)
    _keep(agent, state)
    tell(rows, timed["seconds"], columns=linear_state.theta(agent).shape[1])


def _keep(agent: Any, state: Path) -> None:
    from components.trainer.agents import linear_state

    np.savez(
        state,
        a=np.stack([x.numpy() for x in agent.cov_matrix]),
        b=np.stack([x.numpy() for x in agent.data_vector]),
        rows=np.stack([x.numpy() for x in agent.num_samples]),
        theta=linear_state.theta(agent),
    )


def prepare(rows: int, folder: Path) -> None:
    """Writes the rows to files, in a process of its own: its memory would count as that of its children."""
    write_files(_rows(rows), folder / "files", _FILES)
    tell(rows, 0.0)


def from_arrays(rows: int, folder: Path) -> None:
    """Ours."""
    _fit(_arrays(rows), rows, _state(folder, "arrays"))


def from_files(rows: int, folder: Path) -> None:
    """Ours, from files."""
    from components.trainer.data import FileData
    from newsletter_bandit.settings.agents import PropensityWeighting

    files = sorted(map(str, (folder / "files").iterdir()))
    data = FileData(files, layout(RECOMMENDERS, FEATURES), (), PropensityWeighting(enabled=False))
    _fit(data, rows, _state(folder, "files"))


def at_newsletters_width(rows: int, folder: Path) -> None:
    """Ours, with strings."""
    _fit(_arrays(rows, *NEWSLETTER), rows, _state(folder, "newsletter"))


def few(rows: int, folder: Path) -> None:
    """Ours, on the rows that TF-Agents' loop gets."""
    _fit(_arrays(rows), rows, _state(folder, "few"))


def tf_agents(rows: int, folder: Path) -> None:
    """TF-Agents' own loop, compiled by `tf.function`; its first batch, which compiles it, is not clocked."""
    import tensorflow as tf

    from components.trainer.agents import linear, specs

    data = _arrays(rows)
    agent, _ = _task(data, ())

    @tf.function(autograph=False, reduce_retracing=True)
    def step(batch: dict[str, tf.Tensor]) -> None:
        agent.train(specs.as_trajectory(batch, linear.context(batch, ())))

    batches = list(data.batches(_TF_AGENTS_BATCH))
    step(batches[0])
    with clock() as timed:
        for batch in batches[1:]:
            step(batch)
    _keep(agent, _state(folder, "tf_agents"))
    tell(rows - _TF_AGENTS_BATCH, timed["seconds"])


# --- peers --------------------------------------------------------------------------------------------------


def mabwiser(rows: int, folder: Path) -> None:
    """LinUCB on the features and a constant 1, as ours has it."""
    from mabwiser.mab import MAB, LearningPolicy

    arrays = _rows(rows)
    contexts = np.concatenate([arrays[NUMERIC], np.ones((rows, 1))], axis=1, dtype=np.float64)
    mab = MAB(list(range(RECOMMENDERS)), LearningPolicy.LinUCB(alpha=0.5, l2_lambda=L2))
    with clock() as timed:
        mab.fit(arrays[ACTION], arrays[REWARD].astype(np.float64), contexts)
    models = [mab._imp.arm_to_model[arm] for arm in range(RECOMMENDERS)]
    np.savez(
        _state(folder, "mabwiser"),
        a=np.stack([model.A - L2 * np.eye(FEATURES + 1) for model in models]),
        b=np.stack([model.Xty for model in models]),
        theta=np.stack([model.beta for model in models]),
    )
    tell(rows, timed["seconds"])


def vowpal_wabbit(rows: int, folder: Path) -> None:
    """A linear cost regressor per recommender, by stochastic gradient descent: another state than ours."""
    import vowpalwabbit

    arrays = _rows(rows)
    data = folder / "rows.txt"
    if not data.exists():
        with data.open("w", encoding="utf-8") as file:
            for action, reward, x in zip(arrays[ACTION], arrays[REWARD], arrays[NUMERIC], strict=True):
                words = " ".join(f"{i}:{value:.6g}" for i, value in enumerate(x.tolist()))
                file.write(f"{action + 1}:{-reward:g}:{1 / RECOMMENDERS:.6g} | {words}\n")
    arguments = ["--cb", str(RECOMMENDERS), "--cb_type", "dm", "-d", str(data), "--quiet"]
    with clock() as timed:
        vowpalwabbit.Workspace(arg_list=arguments).finish()
    tell(rows, timed["seconds"])


_SIDES = {
    "prepare": prepare,
    "arrays": from_arrays,
    "files": from_files,
    "newsletter": at_newsletters_width,
    "few": few,
    "tf_agents": tf_agents,
    "mabwiser": mabwiser,
    "vowpal_wabbit": vowpal_wabbit,
}


if __name__ == "__main__":
    # Before TensorFlow is imported.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
