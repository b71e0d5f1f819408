"""Beam in the test's own process."""

from __future__ import annotations

# Without the second option TFX packs its own sources, for workers that do not exist: a second per run.
BEAM_ARGS = ["--runner=FnApiRunner", "--sdk_container_image=none"]
