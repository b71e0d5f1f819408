"""The sample of the evaluated rows, and rows with other rows' values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.evaluator.scoring import Models, kept
from components.evaluator.why.sampling import Parts, sample
from components.example_gen.example_files import Decoder
from tests.evaluator.logged_shop import save_model
from tests.tiny import encode, make_rows


def write(path: Path, rows: list[bytes]) -> str:
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for row in rows:
            writer.write(row)
    return str(path)


def test_the_sample_depends_on_neither_files_nor_order(tmp_path: Path) -> None:
    rows = [encode(row) for row in make_rows(50, seed=1)]
    one = [write(tmp_path / "all.gz", rows)]
    back = rows[::-1]
    two = [write(tmp_path / "first.gz", back[:20]), write(tmp_path / "second.gz", back[20:])]
    assert sorted(sample(one, 100)) == sorted(rows)
    assert len(set(sample(one, 10))) == 10
    assert sample(one, 10) == sample(two, 10)
    # No more than ten times the sample is read: of each file its share.
    assert set(sample(two, 1)) <= {*back[:5], *back[20:25]}


def test_a_row_gets_another_rows_value_or_loses_its_own() -> None:
    rows = make_rows(60, seed=2)
    serialized = [encode(row) for row in rows]
    decoded = Decoder()(np.array(serialized, dtype=np.object_))
    features = ("colour", "height", "member")
    parts = Parts(decoded, features)
    for feature in features:
        donors = np.arange(60)[::-1].copy()
        replaced = parts.replaced(feature, range(60), donors)
        found = Decoder()(np.array(replaced, dtype=np.object_)).to_pylist()
        for row, after, donor in zip(decoded.to_pylist(), found, donors, strict=True):
            assert after == {**row, feature: decoded.column(feature)[int(donor)].as_py()}
    (one,) = parts.replaced("height", [8], np.array([7]))
    assert rows[7]["height"] is None
    example = tf.train.Example.FromString(one)
    assert not example.features.feature["height"].WhichOneof("kind")
    assert example.features.feature["user_id"].bytes_list.value == [b"user-8"]


def test_a_model_is_loaded_once_while_models_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(tmp_path, shift=0)
    folder, loaded, load = str(tmp_path / "Format-Serving"), [], tf.saved_model.load

    def counted(folder: str) -> object:
        loaded.append(folder)
        return load(folder)

    monkeypatch.setattr(tf.saved_model, "load", counted)
    with kept():
        Models([folder], (0.0, 1.0))
        Models([folder], (0.0, 1.0))
    assert loaded == [folder]
    Models([folder], (0.0, 1.0))
    assert loaded == [folder, folder]
