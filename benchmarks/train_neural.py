"""Measures how fast a neural agent learns, and its policy's value, compared with VowpalWabbit.

The log is of simulated newsletters, four weeks that marketing's rules filled. Transform's outputs, and the
same rows as text for VowpalWabbit, are made first and not clocked. Each side trains in a process of its own;
then it fills the next week's newsletters, greedily, and the world says what each choice is truly worth, for
the same users.

    ours, from files     the agent of configs/newsletter.yaml from Transform's files, their reading included
    ours, from arrays    the same from arrays in memory
    VowpalWabbit         as tuned for docs/closed_loop.md: action-dependent features, SquareCB, three passes
    VowpalWabbit, once   the same in one pass

An example counts each time that a gradient step goes over it: rows x epochs, or rows x passes. Our first call
of the training graph, which compiles it, is told apart (`first_call`) and its examples are left out.

`--many` adds the memory that one epoch over so many drawn rows of the same layout takes, from files: once as
it is, and once with nothing held, as happens where rows would take more than
`components.trainer.data.HELD_BYTES`.

    python -m benchmarks.train_neural [--rows 100000] [--users 20000] [--rounds 3] [--many 5000000]
                                      [--no-peers]
                                      [--json FILE]
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from rich.console import Console

from benchmarks import closed_loop_peers as peers
from benchmarks import measuring
from benchmarks.measuring import Measured, Side, Target, clock, tell
from newsletter_bandit.settings.reading import load_use_case
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.simulation.behaviour import RulesPolicy
from newsletter_bandit.simulation.truth import policy_values
from newsletter_bandit.simulation.world import World, spread

USE_CASE = measuring.REPOSITORY / "configs" / "newsletter.yaml"
SEED, WEEKS = 5, 4
_FILES = 4
_OURS = ("files", "arrays")
_PEERS = ("vowpal_wabbit", "vowpal_wabbit_once")
_MANY = ("many", "many_streamed")
# Memory for the whole pipeline, on the machine that the README asks for.
_MOST_MIB = 8192


def main() -> None:
    """Runs all sides; see the module."""
    parser = measuring.parser(__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=20_000, help="whose newsletters are filled afterwards")
    parser.add_argument("--many", type=int, default=0, help="rows of the memory check; 0 leaves it out")
    parser.add_argument("--no-peers", action="store_true", help="without benchmarks/.venv")
    parser.add_argument("--side", choices=tuple(_SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        rows = options.many if "many" in options.side else options.rows
        _SIDES[options.side](Log(rows, options.users, options.folder))
        return
    if not options.no_peers:
        measuring.require_peers()
    with tempfile.TemporaryDirectory(prefix="newsletter_bandit_") as folder:
        report(options, Path(folder))


def report(options: argparse.Namespace, folder: Path) -> None:
    """Makes the log, runs the sides in turn and ends the process."""

    def side(name: str) -> Side:
        return Side(
            name,
            measuring.this_module(
                "train_neural",
                *("--side", name, "--rows", options.rows, "--users", options.users, "--many", options.many),
                *("--folder", folder),
                python=measuring.PEERS_PYTHON if name in _PEERS else measuring.PYTHON,
            ),
            {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"},
        )

    out = Console()
    prepared, _ = measuring.run(side("prepare"))
    names = _OURS if options.no_peers else (*_OURS, *_PEERS)
    found = {one.name: one for one in measuring.in_turn([side(n) for n in names], options.rounds, out)}
    out.print(
        measuring.table(
            f"Training a neural agent on {options.rows:,} newsletters",
            list(found.values()),
            found.get("vowpal_wabbit"),
            unit="examples",
        )
    )
    out.print(f"Value of the greedy policy, a newsletter of {options.users:,} users:")
    values = {name: one.figures["value"] for name, one in found.items()}
    large: dict[str, Measured] = {}
    if options.many:
        measuring.run(side("prepare_many"))
        large = {one.name: one for one in measuring.in_turn([side(name) for name in _MANY], 1)}
    for name, value in {**values, **{name: prepared[name] for name in ("logging", "oracle")}}.items():
        out.print(f"    {name:20} {value:.4f}")
    if large:
        out.print(measuring.table("One epoch over many rows", list(large.values()), unit="examples"))
    figures = {name: one.to_json() for name, one in {**found, **large}.items()} | {"prepared": prepared}
    targets = [
        Target(
            f"memory of {one.rows:,} rows, {name}",
            f"at most {_MOST_MIB:,} MiB",
            f"{one.peak:,.0f} MiB",
            one.peak <= _MOST_MIB,
        )
        for name, one in large.items()
    ]
    measuring.finish(out, options.json, figures, [*_targets(found, values), *targets])


def _targets(found: dict[str, Measured], values: dict[str, float]) -> list[Target]:
    floor = 200_000
    targets = [
        Target(
            f"a neural agent, from {name}",
            f"at least {floor:,} examples/s",
            f"{found[name].rate:,.0f}",
            found[name].rate >= floor,
        )
        for name in _OURS
    ]
    for name in _PEERS if "vowpal_wabbit" in found else ():
        ratio = found["files"].ratio(found[name])
        targets.append(Target(f"against {name}", "at least 1.5 times", f"{ratio:.2f} times", ratio >= 1.5))
        gain = min(values["files"], values["arrays"]) - values[name]
        targets.append(Target(f"true value against {name}", "at least equal", f"{gain:+.4f}", gain >= 0.0))
    return targets


class Log:
    """The log that every side works on.

    Args:
      rows: newsletters in the log.
      users: whose newsletters are filled afterwards.
      folder: where `prepare` leaves its files.
    """

    def __init__(self, rows: int, users: int, folder: Path) -> None:
        self.use_case: UseCase = load_use_case(USE_CASE)
        self.rows, self.folder = rows, folder
        self.first_day: dt.date = self.use_case.window.anchor
        self.day = self.first_day + dt.timedelta(weeks=WEEKS)
        self.world = World.of(self.use_case, SEED, max(-(-rows // WEEKS), users), self.first_day)
        self.receivers = self.world.recipients(self.day, users)

    def value(self, served: np.ndarray) -> float:
        """True value of what each of the receivers is served [users]."""
        return policy_values(self.world, self.receivers, self.day, served).served


def prepare(log: Log) -> None:
    """Makes the log in all its forms: what Transform leaves, its arrays, and VowpalWabbit's text."""
    from benchmarks.training_rows import write_files
    from components.example_gen.in_memory import training_examples
    from components.transform.in_memory import Transformer, analyse

    table = log.world.log(log.first_day, spread(log.rows, 7 * WEEKS), RulesPolicy())
    _, examples = training_examples(log.use_case, table, log.first_day, log.day)
    output = analyse(log.use_case, examples.tolist(), log.folder / "transform")
    arrays = Transformer(output)(examples)
    np.savez(log.folder / "arrays.npz", **arrays)
    write_files(arrays, log.folder / "files", _FILES)

    pq.write_table(log.world.inference(log.receivers, log.day), log.folder / "inference.parquet")
    rows = peers.Rows(table)
    texts = list(peers.vw_examples(rows, peers.moments_of([rows])))
    # In random order, as in the closed loop: an online learner would remember the last week best.
    np.random.default_rng(SEED).shuffle(texts)
    (log.folder / "rows.txt").write_text("".join(texts), encoding="utf-8")
    asked = peers.Rows(log.world.inference(log.receivers, log.day), log.day)
    texts = list(peers.vw_examples(asked, peers.moments_of([rows])))
    (log.folder / "asked.txt").write_text("".join(texts), encoding="utf-8")
    values = policy_values(log.world, log.receivers, log.day, asked.eligible.argmax(axis=1))
    tell(log.rows, 0.0, logging=values.logging, oracle=values.oracle)


def ours(log: Log, kind: str) -> None:
    """Trains as the pipeline's Trainer does, on files or arrays."""
    import tensorflow as tf
    import tensorflow_transform as tft

    from components.example_gen.in_memory import inference_examples
    from components.trainer.data import ArrayData, FileData, TrainingData
    from components.trainer.training import fit
    from components.transform.layout import Layout, vocabulary_sizes

    use_case = log.use_case
    output = tft.TFTransformOutput(str(log.folder / "transform"))
    given = (Layout.of(use_case), vocabulary_sizes(use_case, output), use_case.propensity_weighting)
    data: TrainingData
    if kind == "files":
        data = FileData(sorted(map(str, (log.folder / "files").iterdir())), *given)
    else:
        with np.load(log.folder / "arrays.npz") as saved:
            data = ArrayData(dict(saved), *given)

    calls: list[tuple[float, int]] = []
    with clock() as reading:
        rows = data.totals.rows
    start = time.perf_counter()
    model = fit(use_case, data, output, lambda _name, _value, step: calls.append((time.perf_counter(), step)))
    (first, skipped), (last, steps) = calls[0], calls[-1]
    agent = use_case.agent

    _, examples = inference_examples(use_case, pq.read_table(log.folder / "inference.parquet"), log.day)
    names = model.eval_policy(tf.constant(examples))["recommenders"].numpy()[:, 0]
    columns = {name.encode(): number for number, name in enumerate(use_case.recommenders)}
    tell(
        (steps - skipped) * agent.batch_size,
        reading["seconds"] + last - first,
        value=log.value(np.array([columns[name] for name in names])),
        log_rows=rows,
        epochs=agent.epochs,
        reading=reading["seconds"],
        first_call=first - start,
    )


def _layout(use_case: UseCase) -> tuple[Any, tuple[int, ...]]:
    """The use case's layout, its vocabularies full."""
    from components.transform.layout import Layout
    from newsletter_bandit.settings.tables import StringFeature

    strings = [feature for feature in use_case.features.values() if isinstance(feature, StringFeature)]
    return Layout.of(use_case), tuple(feature.max_vocabulary + 1 for feature in strings)


def prepare_many(log: Log) -> None:
    """Files of drawn rows."""
    from benchmarks.training_rows import draw_rows, write_files

    write_files(draw_rows(log.rows, *_layout(log.use_case), SEED), log.folder / "many", _FILES)
    tell(log.rows, 0.0)


def many(log: Log, held: bool) -> None:
    """One epoch over the drawn rows, their reading included; the memory is what counts."""
    from components.trainer import data
    from components.trainer.agents import AGENTS, Task
    from components.trainer.warm_start import Names

    if not held:
        data.HELD_BYTES = 0
    agent = log.use_case.agent.model_copy(update={"epochs": 1})
    use_case = log.use_case.model_copy(update={"agent": agent})
    layout, sizes = _layout(use_case)
    files = sorted(map(str, (log.folder / "many").iterdir()))
    split = data.FileData(files, layout, sizes, use_case.propensity_weighting)
    vocabularies = {
        name: tuple(map(str, range(size)))
        for name, size in zip(layout.categorical_features, sizes, strict=True)
    }
    names = Names(layout.recommenders, layout.numeric_features, vocabularies)
    with clock() as timed:
        AGENTS[agent.type](Task(use_case, split, names, lambda *_: None))
    tell(split.totals.rows, timed["seconds"])


def vowpal_wabbit(log: Log, passes: int) -> None:
    """Trains on the text, through its cache, and fills each newsletter with the likeliest recommender."""
    import vowpalwabbit

    with tempfile.TemporaryDirectory(dir=log.folder) as folder:
        model, answers = Path(folder) / "model", Path(folder) / "answers.txt"
        settings = {**peers.VowpalWabbit.defaults, "passes": passes}
        with clock() as timed:
            vowpalwabbit.Workspace(
                arg_list=peers.vw_training(settings, SEED, log.folder / "rows.txt", model)
            ).finish()
        asked = ["-d", str(log.folder / "asked.txt"), "-p", str(answers)]
        vowpalwabbit.Workspace(arg_list=["-t", "-i", str(model), *asked, "--quiet"]).finish()
        probabilities = peers.vw_probabilities(answers, log.world.eligible(log.receivers))
    served = probabilities.argmax(axis=1)
    tell(log.rows * passes, timed["seconds"], value=log.value(served), log_rows=log.rows, passes=passes)


_SIDES: dict[str, Any] = {
    "prepare": prepare,
    "files": lambda log: ours(log, "files"),
    "arrays": lambda log: ours(log, "arrays"),
    "vowpal_wabbit": lambda log: vowpal_wabbit(log, peers.VowpalWabbit.defaults["passes"]),
    "vowpal_wabbit_once": lambda log: vowpal_wabbit(log, 1),
    "prepare_many": prepare_many,
    "many": lambda log: many(log, True),
    "many_streamed": lambda log: many(log, False),
}


if __name__ == "__main__":
    # Before TensorFlow is imported.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
