"""The one lock holds both generations of TFX, and nothing that needs a compiler."""

from __future__ import annotations

import pytest

from tests.locked import locked

LINUX = ("linux", "x86_64")
MAC = ("darwin", "arm64")
NEWER = {"tfx": "1.21.0", "tensorflow": "2.21", "numpy": "2.", "pyarrow": "18.", "protobuf": "6."}
OLDER = {"tfx": "1.16.0", "tensorflow": "2.16", "numpy": "1.", "pyarrow": "10.", "protobuf": "4."}


@pytest.mark.parametrize(
    ("python", "platform", "generation"),
    [("3.11", LINUX, OLDER), ("3.12", LINUX, NEWER), ("3.13", LINUX, NEWER), ("3.13", MAC, NEWER)],
)
def test_a_python_has_one_generation(
    python: str, platform: tuple[str, str], generation: dict[str, str]
) -> None:
    versions = locked(python, *platform)
    found = {name: versions[name] for name in generation}
    assert all(found[name].startswith(version) for name, version in generation.items()), found


def test_nothing_is_locked_for_the_older_generation_on_macos() -> None:
    assert not {"tfx", "tensorflow", "numpy"} & set(locked("3.11", *MAC))


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_pyfarmhash_is_one_that_has_wheels(python: str) -> None:
    major, minor = locked(python)["pyfarmhash"].split(".")[:2]
    assert (int(major), int(minor)) >= (0, 5)


def test_tensorboard_is_named_since_tensorflow_no_longer_brings_it() -> None:
    assert {"tensorboard"} <= set(locked("3.13")) & set(locked("3.11"))
