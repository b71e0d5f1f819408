"""What we rely on in TensorFlow's private `fingerprinting_utils`; a test here fails when it changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("fingerprint") / "model"
    module: Any = tf.Module()
    module.weight = tf.Variable(1.0)
    tf.saved_model.save(module, str(folder))
    return folder


def test_a_renewed_fingerprint_is_the_models_without_what_is_random(model: Path) -> None:
    import tensorflow as tf

    from components.trainer import fingerprint

    saved = tf.saved_model.experimental.read_fingerprint(str(model))
    (model / fingerprint.FINGERPRINT).unlink()
    fingerprint.renew(str(model))
    first = (model / fingerprint.FINGERPRINT).read_bytes()
    renewed = tf.saved_model.experimental.read_fingerprint(str(model))
    for name in (
        "saved_model_checksum",
        "graph_def_program_hash",
        "signature_def_hash",
        "saved_object_graph_hash",
        "checkpoint_hash",
    ):
        assert getattr(renewed, name) == getattr(saved, name), f"`write_fingerprint` writes another {name}"
    fingerprint.renew(str(model))
    assert (model / fingerprint.FINGERPRINT).read_bytes() == first, "equal models would not be equal bytes"
