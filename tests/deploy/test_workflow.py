"""The workflow of users' CI: pinned, with no more permission than each job needs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

WORKFLOW = Path(__file__).parents[2] / ".github" / "workflows" / "ci.yml"


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    loaded = yaml.safe_load(WORKFLOW.read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_every_action_is_pinned_to_a_commit_and_says_which_version(workflow: dict[Any, Any]) -> None:
    lines = re.findall(r"uses: (.*)", WORKFLOW.read_text())
    assert len(lines) == sum("uses" in step for job in workflow["jobs"].values() for step in job["steps"])
    for line in lines:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
    # One action, one version.
    assert len({line.partition("@")[0] for line in lines}) == len(set(lines))


def test_only_the_push_of_the_image_gets_an_identity(workflow: dict[Any, Any]) -> None:
    assert workflow["permissions"] == {}
    permissions = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    assert permissions.pop("publish") == {"contents": "read", "id-token": "write"}
    assert all(granted == {"contents": "read"} for granted in permissions.values())
    condition = workflow["jobs"]["publish"]["if"]
    assert "github.event_name == 'push' && github.ref == 'refs/heads/main'" in condition
    assert set(workflow["jobs"]["publish"]["needs"]) == {"lint", "test"}
    # YAML 1.1 reads the key `on` as true.
    assert set(workflow[True]) == {"push", "pull_request"}
    assert "secrets." not in WORKFLOW.read_text()


def test_no_checkout_leaves_a_token_behind(workflow: dict[Any, Any]) -> None:
    checkouts = [
        step
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert len(checkouts) == len(workflow["jobs"])
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_the_linter_has_nothing_to_say() -> None:
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent)) or shutil.which("zizmor")
    if zizmor is None:
        pytest.skip("zizmor is not installed: the workflow is not linted")
    done = subprocess.run(
        [zizmor, "--offline", "--no-progress", "--persona=auditor", str(WORKFLOW)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
