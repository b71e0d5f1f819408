"""The folder is deployed without the others."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import serving
from tests.locked import DEPLOYED_PYTHON, locked

(FOLDER,) = map(Path, serving.__path__)

IMPORT_ALL = """
import importlib, json, pkgutil, sys
import serving
for module in pkgutil.walk_packages(serving.__path__, "serving."):
    importlib.import_module(module.name)
print(json.dumps(sorted(name.partition(".")[0] for name in sys.modules)))
"""


def test_imports_nothing_of_the_rest(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "serving", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORT_ALL],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    imported = set(json.loads(done.stdout))
    assert {"serving", "functions_framework", "google"} <= imported
    forbidden = {"tensorflow", "tfx", "apache_beam", "numpy", "pandas", "pydantic", "duckdb"}
    assert not imported & (forbidden | {"pipelines", "components", "newsletter_bandit"})


def requirements() -> dict[str, str]:
    lines = (FOLDER / "requirements.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("name", sorted(requirements()))
def test_requirements_are_the_locked_versions(name: str) -> None:
    assert requirements()[name] == locked(DEPLOYED_PYTHON)[name]


def test_a_wrong_variable_ends_the_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "functions_framework", "--target=recommenders"]
    done = subprocess.run(
        [*command, "--source", str(FOLDER / "main.py"), "--host=127.0.0.1", "--port=0"],
        env={"RANKING_STORE": "mysql:host", "USE_CASE": "newsletter", "DEFAULT_RANKING": '["deals"]'},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "RANKING_STORE: found 'mysql:host'" in done.stderr
