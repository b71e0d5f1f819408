"""The guard of `make check` sees an import at the top of a test's module, and one inside a test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "text",
    [
        "import tensorflow.compat\ndef test_nothing(): pass\n",
        "def test_late():\n    try:\n        import tfx\n    except ImportError:\n        pass\n",
    ],
)
def test_a_test_that_needs_tensorflow_fails(text: str, tmp_path: Path) -> None:
    test = tmp_path / "test_heavy.py"
    test.write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "tests.light", "-p", "no:cacheprovider", str(test)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "`make check` runs rooms that need neither TensorFlow, TFX nor Beam" in done.stdout


def test_what_needs_none_of_it_passes(tmp_path: Path) -> None:
    test = tmp_path / "test_light.py"
    test.write_text("import json\ndef test_nothing(): assert json.loads('1') == 1\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.light", "-p", "no:cacheprovider", str(test)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
