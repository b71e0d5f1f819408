"""Two processes that train together, against one that trains alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tiny import BEST, Prepared, encode
from tests.trainer.train_together import AGENTS, train

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def free_ports(count: int) -> list[str]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [str(each.getsockname()[1]) for each in sockets]


@contextmanager
def worker(
    index: int, ports: list[str], work: dict[str, Any], log: Path, *more: str
) -> Iterator[subprocess.Popen[bytes]]:
    # Its words go to a file: who waits for one worker does not read the other's pipe, which might be full.
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.trainer.train_together",
                str(index),
                ",".join(ports),
                json.dumps(work),
                *more,
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "CUDA_VISIBLE_DEVICES": "-1",
                # Loopback must not go through a proxy.
                "no_proxy": "127.0.0.1",
            },
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def together(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two workers wrote, each below its own number."""
    folder = tmp_path_factory.mktemp("together")
    work = {
        "transform_output": prepared.transform_output,
        "files": prepared.files,
        "folder": str(folder),
    }
    ports = free_ports(2)
    logs = [tmp_path_factory.mktemp("logs") / f"{index}.log" for index in range(2)]
    with worker(0, ports, work, logs[0]) as chief, worker(1, ports, work, logs[1]) as other:
        # Where one fails, so does the other.
        assert (chief.wait(), other.wait()) == (0, 0), "\n-- other\n".join(
            log.read_text(errors="replace")[-3000:] for log in logs
        )
    return folder


def test_only_the_chief_writes(together: Path) -> None:
    assert [path.name for path in together.iterdir()] == ["0"]
    assert sorted(path.name for path in (together / "0").iterdir()) == sorted(AGENTS)
    figures = json.loads((together / "0" / "lin_ucb" / "run" / "training.json").read_text())
    # Of all workers' rows: TFX's Trainer reports what the run read.
    assert figures["rows"] == 3000


def test_a_linear_agent_has_the_sums_of_one_worker(
    together: Path, prepared: Prepared, tmp_path: Path
) -> None:
    alone = train("lin_ucb", prepared.transform_output, prepared.files, tmp_path)
    one, two = (
        np.load(model / "assets.extra" / "warm_start.npz")
        for model in (alone, together / "0" / "lin_ucb" / "model")
    )
    for name in ("a", "b", "rows"):
        np.testing.assert_allclose(two[name], one[name], rtol=1e-12, atol=1e-12)


# Of at most .6; a constant choice is worth .27. Three thousand rows are few for LinUCB on an encoding.
@pytest.mark.parametrize(("agent", "least"), [("neural_epsilon_greedy", 0.55), ("neural_lin_ucb", 0.4)])
def test_a_network_is_worth_what_one_worker_makes_of_it(
    agent: str, least: float, together: Path, prepared: Prepared, tmp_path: Path
) -> None:
    alone = train(agent, prepared.transform_output, prepared.files, tmp_path)
    one, two = (value(model, prepared) for model in (alone, together / "0" / agent / "model"))
    assert one > least
    assert two > least
    assert two == pytest.approx(one, abs=0.05)


def value(model: Path, prepared: Prepared) -> float:
    """Mean click probability of the greedy policy over the rows' users, by the rule that drew them."""
    import tensorflow as tf

    rows = [{**row, "eligible_recommenders": None} for row in prepared.rows[:1000]]
    signature = tf.saved_model.load(str(model)).signatures["eval_policy"]
    chosen = signature(examples=tf.constant([encode(row) for row in rows]))["recommenders"].numpy()[:, 0]
    best = [BEST.get(row["colour"], "") for row in rows]
    return float(np.where(np.array(best, dtype=bytes) == chosen, 0.6, 0.1).mean())


def test_a_worker_that_never_comes_up_ends_the_others(prepared: Prepared, tmp_path: Path) -> None:
    work = {"transform_output": prepared.transform_output, "files": [], "folder": str(tmp_path)}
    log = tmp_path / "chief.log"
    with worker(0, free_ports(2), work, log, "2") as chief:
        assert chief.wait() == 1
    said = log.read_text()
    assert "training: waiting at most 2 s for all workers of TF_CONFIG" in said
    assert "Timeout (0:00:02)!" in said
