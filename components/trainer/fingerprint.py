"""The fingerprint beside a SavedModel: hashes of its graph, signatures and checkpoint, which name the model.

TensorFlow's own file also holds a random `uuid` from 2.17 on, so that two equal models are not equal bytes.
It is cleared here: registry, cache and digests compare models by their bytes, and nothing reads the field.
"""

from __future__ import annotations

import os

from newsletter_bandit.files import read_bytes, write_bytes

FINGERPRINT = "fingerprint.pb"


def renew(model_dir: str) -> None:
    """Writes `fingerprint.pb` for the model as it is now; equal models get equal bytes.

    Loading a model does not check the file. But it must not hold the hashes of another model.

    Args:
      model_dir: folder of a SavedModel.
    """
    # TensorFlow can read a fingerprint, but writes one only while saving a model.
    from tensorflow.core.protobuf import fingerprint_pb2
    from tensorflow.python.saved_model import fingerprinting_utils

    fingerprinting_utils.write_fingerprint(model_dir)
    path = os.path.join(model_dir, FINGERPRINT)
    fingerprint = fingerprint_pb2.FingerprintDef.FromString(read_bytes(path))
    if "uuid" in fingerprint.DESCRIPTOR.fields_by_name:
        fingerprint.ClearField("uuid")
        write_bytes(path, fingerprint.SerializeToString(deterministic=True))
