"""Runs a compiled pipeline as Vertex AI does: step by step through TFX's container entry point, artifacts as
JSON between.

It stands in for the service only: which step comes next, what a step is told, and where its outputs lie.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any


def run(spec: Mapping[str, Any], parameters: Mapping[str, str], root: Path) -> list[str]:
    """Runs every step in this process whose trigger policy holds; the order they ran in."""
    pipeline = spec["pipelineSpec"]
    tasks = pipeline["root"]["dag"]["tasks"]
    made: dict[tuple[str, str], dict[str, Any]] = {}
    order = list(
        TopologicalSorter({name: set(_upstream(task)) for name, task in tasks.items()}).static_order()
    )
    ran = []
    for name in order:
        task = tasks[name]
        if not _triggered(task, made):
            continue
        ran.append(name)
        component = pipeline["components"][task["componentRef"]["name"]]
        types = component.get("outputDefinitions", {}).get("artifacts", {})
        outputs = {
            key: {"name": f"{name}-{key}", "type": kind["artifactType"], "uri": str(root / name / key)}
            for key, kind in types.items()
        }
        output_file = root / name / "executor_output.json"
        invocation = {
            "inputs": {
                "parameterValues": dict(_values(task, parameters)),
                "artifacts": {key: {"artifacts": [made[source]]} for key, source in _artifacts(task)},
            },
            "outputs": {
                "artifacts": {key: {"artifacts": [artifact]} for key, artifact in outputs.items()},
                "outputFile": str(output_file),
            },
        }
        executor = pipeline["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        _start([json.dumps(invocation) if word == "{{$}}" else word for word in executor["args"]])
        for key, found in json.loads(output_file.read_text())["artifacts"].items():
            # The type is the service's knowledge; place and metadata are what the step said.
            (artifact,) = found["artifacts"]
            made[name, key] = outputs[key] | artifact
    return ran


def _triggered(task: Mapping[str, Any], made: Mapping[tuple[str, str], Mapping[str, Any]]) -> bool:
    """Whether the task runs: its condition is a comparison of an input's metadata with a text."""
    condition = task.get("triggerPolicy", {}).get("condition")
    if condition is None:
        return True
    found = re.fullmatch(
        r"\(inputs\.artifacts\['([^']+)'\]\.artifacts\[0\]\.metadata\['([^']+)'\] == '([^']*)'\)", condition
    )
    assert found, condition
    key, name, wanted = found.groups()
    metadata = made[dict(_artifacts(task))[key]]["metadata"]
    return bool(metadata[name] == wanted)


def _start(arguments: list[str]) -> None:
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor as entry_point

    entry_point.main(entry_point._parse_flags(["step", *arguments]))


def _artifacts(task: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, str]]]:
    for key, source in task.get("inputs", {}).get("artifacts", {}).items():
        output = source["taskOutputArtifact"]
        yield key, (output["producerTask"], output["outputArtifactKey"])


def _upstream(task: Mapping[str, Any]) -> Iterator[str]:
    yield from task.get("dependentTasks", ())
    for _, (producer, _) in _artifacts(task):
        yield producer


def _values(task: Mapping[str, Any], parameters: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for key, source in task.get("inputs", {}).get("parameters", {}).items():
        told = source.get("componentInputParameter")
        yield key, source["runtimeValue"]["constant"] if told is None else parameters[told]
