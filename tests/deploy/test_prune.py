"""Files of a virtual environment that the image leaves out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.deploy.image_environment import prune
from tests.locked import DEPLOYED_PYTHON, locked

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


def install(environment: Path, name: str, files: tuple[str, ...]) -> None:
    """Installs a distribution by hand: its files, relative to site-packages, and their record."""
    site_packages = environment / "lib" / PYTHON / "site-packages"
    record = f"{name}-1.0.dist-info/RECORD"
    metadata = f"{name}-1.0.dist-info/METADATA"
    for file in (*files, metadata, record):
        path = site_packages / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x" * 10)
    (site_packages / metadata).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (site_packages / record).write_text("".join(f'"{file}",,\n' for file in (*files, metadata, record)))


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    environment = tmp_path / "venv"
    install(
        environment,
        "JupyterLab_Widgets",  # one of the pruned, in another spelling
        (
            "jupyterlab_widgets/app.py",
            "shared/__init__.py",
            "../../../bin/jupyter-widgets",
            "../../../../stray",
        ),
    )
    install(
        environment,
        "kept",
        (
            "kept/__init__.py",
            "kept/_bayes_test.py",
            "kept/bayes_test.py",
            "kept/contest.py",
            "kept/tests/data.bin",
            "kept/include/kept/kept.inc",
            "kept/kept.h",
            "kept/library.so",
            "shared/__init__.py",
        ),
    )
    return environment


def test_pruned_distributions_go_and_what_others_share_stays(environment: Path) -> None:
    site_packages = environment / "lib" / PYTHON / "site-packages"
    freed = prune.prune(environment)
    left = sorted(
        path.relative_to(site_packages).as_posix() for path in site_packages.rglob("*") if path.is_file()
    )
    assert left == [
        "kept-1.0.dist-info/METADATA",
        "kept-1.0.dist-info/RECORD",
        "kept/__init__.py",
        "kept/_bayes_test.py",
        "kept/contest.py",
        "kept/library.so",
        "shared/__init__.py",
    ]
    assert not (environment / "bin").exists()
    assert not (site_packages / "jupyterlab_widgets").exists()
    assert freed["tests of the libraries"] == 20
    assert freed["headers and static libraries"] == 20
    assert freed["notebooks, which TFX and its widgets bring"] > 20


def test_nothing_outside_the_environment_is_touched(environment: Path) -> None:
    assert (environment.parent / "stray").is_file()
    prune.prune(environment)
    assert (environment.parent / "stray").is_file()


def test_pruning_again_finds_nothing(environment: Path) -> None:
    prune.prune(environment)
    assert sum(prune.prune(environment).values()) == 0


def test_each_pruned_distribution_is_locked() -> None:
    names = set(locked(DEPLOYED_PYTHON))
    for rule, distributions in prune.DISTRIBUTIONS.items():
        assert set(distributions) <= names, rule
        assert sorted(distributions) == list(distributions), rule
