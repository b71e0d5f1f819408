"""One of two workers: trains one agent after the other with `run_fn`, as TFX's Trainer would have it do."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

LEARNING: dict[str, Any] = {"epochs": 20, "learning_rate": 0.02, "weight_decay": 0.0}
AGENTS: dict[str, dict[str, Any]] = {
    "lin_ucb": {"agent": {"type": "lin_ucb"}, "propensity_weighting": {"enabled": True, "clip": 5.0}},
    "neural_epsilon_greedy": {
        "agent": {"type": "neural_epsilon_greedy", "hidden_layers": [16], "batch_size": 128, **LEARNING}
    },
    "neural_lin_ucb": {
        "agent": {
            "type": "neural_lin_ucb",
            "hidden_layers": [16],
            "encoding_dim": 8,
            "batch_size": 128,
            **LEARNING,
        }
    },
}


def train(agent: str, transform_output: str, files: list[str], folder: Path) -> Path:
    """Trains; returns the folder of the model, which only the chief writes."""
    from components.hyperparameters_gen import hyperparameters as hp
    from components.trainer.run_fn import run_fn
    from tests.tiny import make_use_case

    use_case = make_use_case(**AGENTS[agent])
    run_fn(
        SimpleNamespace(
            custom_config={"use_case": hp.without_hyperparameters(use_case)},
            hyperparameters=hp.hyperparameters(use_case),
            transform_output=transform_output,
            train_files=files,
            model_run_dir=str(folder / agent / "run"),
            serving_model_dir=str(folder / agent / "model"),
            base_model=None,
        )
    )
    return folder / agent / "model"


def write_late() -> None:
    """Lets the others finish their first model before this process writes its own."""
    from components.trainer import export

    save = export.BanditModel.save

    def late(model: export.BanditModel, directory: Path | str) -> None:
        export.BanditModel.save = save  # type: ignore[method-assign]
        time.sleep(2)
        save(model, directory)

    export.BanditModel.save = late  # type: ignore[method-assign]


if __name__ == "__main__":
    index, ports, work = int(sys.argv[1]), sys.argv[2].split(","), json.loads(sys.argv[3])
    addresses = [f"127.0.0.1:{port}" for port in ports]
    task = {"type": "worker", "index": index - 1} if index else {"type": "chief", "index": 0}
    cluster = {"chief": addresses[:1], "worker": addresses[1:]}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
    if len(sys.argv) > 4:
        from components.trainer import distribution

        distribution.MirroredWorkers(start_seconds=float(sys.argv[4]))
    folder = Path(work["folder"])
    if not index:
        write_late()
    for name in AGENTS:
        train(name, work["transform_output"], work["files"], folder / str(index))
        # TFX's Trainer looks for it in each worker, where all write to the chief's folder.
        if not (folder / "0" / name / "model").exists():
            sys.exit(f"{name}: the chief's model is not there yet")
