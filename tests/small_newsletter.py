"""The shipped newsletter with four features, for tests of whole pipelines that are about something else.

Transforming and training take longer the more features there are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from google.protobuf import text_format
from tensorflow_metadata.proto.v0.schema_pb2 import Schema

CONFIGS = Path(__file__).parents[1] / "configs"
# One of each kind.
FEATURES = ("segment", "discount_share", "last_order_on", "has_app")


def write_settings(folder: Path, **changes: Any) -> Path:
    """Writes the settings into ``folder``, with their schema beside them, and gives their path.

    Args:
      folder: where ``newsletter.yaml`` and ``schemas`` will be.
      changes: top-level sections in place of the shipped ones.
    """
    content = yaml.safe_load((CONFIGS / "newsletter.yaml").read_text())
    left_out = content["features"].keys() - set(FEATURES)
    content["features"] = {name: content["features"][name] for name in FEATURES}
    content["slices"] = ["segment"]
    path = folder / "newsletter.yaml"
    path.write_text(yaml.safe_dump({**content, **changes}, sort_keys=False))
    schema = text_format.Parse((CONFIGS / "schemas" / "newsletter.pbtxt").read_text(), Schema())
    kept = [feature for feature in schema.feature if feature.name not in left_out]
    del schema.feature[:]
    schema.feature.extend(kept)
    (folder / "schemas").mkdir()
    (folder / "schemas" / "newsletter.pbtxt").write_text(text_format.MessageToString(schema))
    return path
