"""TFX's own Pusher, which does all that is needed.

Relied on: it pushes only a blessed model. Then it copies the SavedModel into `pushed_model` itself (not below
`Format-Serving`) and sets the custom properties `pushed` = 1, `pushed_destination` and `pushed_version` (Unix
seconds). Otherwise `pushed_model` stays empty and carries `pushed` = 0.
"""

from __future__ import annotations

from tfx import v1 as tfx
from tfx.types import BaseChannel


def make_pusher(
    model: BaseChannel, model_blessing: BaseChannel, base_directory: str
) -> tfx.components.Pusher:
    """Pusher of ``model`` to `<base_directory>/<Unix seconds>`; emits `pushed_model`."""
    return tfx.components.Pusher(
        model=model,
        model_blessing=model_blessing,
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=base_directory)
        ),
    )
