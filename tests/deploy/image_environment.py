"""The image's virtual environment, made without Docker: the locked distributions less what the image prunes,
and the project's wheel installed by pip. Nothing in it leads to the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "image"))

import prune  # noqa: E402

# What the Dockerfile copies to build the wheel.
SOURCES = (
    "pyproject.toml",
    "README.md",
    "components",
    "pipelines",
    "serving",
    "newsletter_bandit",
    "configs",
)


@dataclass(frozen=True)
class Image:
    """The environment, and the folder that the container works in."""

    environment: Path
    workdir: Path

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Runs a command as in the container: its variables, its search path, nothing of the checkout's."""
        return subprocess.run(
            [str(self.environment / "bin" / str(command[0])), *map(str, command[1:])],
            cwd=self.workdir,
            env=self.variables(),
            capture_output=True,
            text=True,
            check=False,
        )

    def variables(self) -> dict[str, str]:
        """The image's environment variables."""
        return {
            "PATH": f"{self.environment / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.workdir.parent),
            "TF_USE_LEGACY_KERAS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "OMP_NUM_THREADS": "1",
            # In the image it lies beside the modules; here those belong to the checkout's environment.
            "PYTHONPYCACHEPREFIX": str(self.workdir.parent / "bytecode"),
        }


def build(folder: Path) -> Image:
    """Builds it below ``folder``."""
    environment = folder / "opt" / "venv"
    venv.create(environment, with_pip=True, symlinks=True)
    site_packages = next(environment.glob("lib/python3*/site-packages"))
    # Python 3.11 brings a setuptools of its own; the lock names another version.
    for stale in (*site_packages.glob("setuptools*"), *site_packages.glob("pkg_resources")):
        shutil.rmtree(stale)
    _link_locked(site_packages)

    sources = folder / "sources"
    sources.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, sources)
    image = Image(environment, folder / "app")
    image.workdir.mkdir()
    shutil.copytree(ROOT / "configs", image.workdir / "configs")
    for command in (
        ["wheel", "--no-build-isolation", "--wheel-dir", str(folder / "dist"), str(sources)],
        ["install", "--no-index", "--find-links", str(folder / "dist"), "newsletter-bandit"],
    ):
        done = image.run("python", "-m", "pip", "--quiet", *command[:1], "--no-deps", *command[1:])
        assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(sources)
    return image


def _link_locked(target: Path) -> None:
    """Links into ``target`` what the checkout's environment holds, less what the image prunes and the
    project.
    """
    environment = Path(sys.prefix)
    (source,) = environment.glob("lib/python3*/site-packages")
    unused = {path for _, path in prune.unused(environment)}
    unused |= {str(path) for name in ("__editable__*", "newsletter_bandit-*") for path in source.glob(name)}
    split: set[str] = set()  # folders of which a part is left out; the others are linked whole
    for path in unused:
        while (path := os.path.dirname(path)) not in split and len(path) >= len(str(source)):
            split.add(path)

    def link(folder: str, into: str) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                new = f"{into}/{entry.name}"
                if entry.path in split:
                    link(entry.path, new)
                elif entry.path not in unused and entry.name != "__pycache__" and not os.path.lexists(new):
                    os.makedirs(into, exist_ok=True)
                    os.symlink(entry.path, new)

    link(str(source), str(target))
