"""Values so far from the others that Transform cut them: what an absurd value in the data leaves behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from components.transform.layout import NUMERIC, Layout
from newsletter_bandit.settings.use_case import UseCase


def cut_values(use_case: UseCase, blocks: Iterable[Mapping[str, npt.NDArray[Any]]]) -> dict[str, int]:
    """Rows of each scaled number whose z-score was cut at `scaling.max_z_score`; features without any are
    left out.

    Args:
      use_case: the one of the transform graph.
      blocks: transformed rows, the tensors of `Layout` as arrays.
    """
    names = Layout.of(use_case).numeric_features
    scaled = np.array([use_case.features[name].treatment != "identity" for name in names], dtype=np.bool_)
    if not scaled.any():
        return {}
    rows = np.zeros(len(names), dtype=np.int64)
    # The next smaller float32: what was cut is the limit itself.
    limit = np.nextafter(np.float32(use_case.scaling.max_z_score), np.float32(0.0))
    for block in blocks:
        rows += (np.abs(block[NUMERIC][:, : len(names)]) >= limit).sum(axis=0)
    return {
        name: int(count)
        for name, count, is_scaled in zip(names, rows, scaled, strict=True)
        if count and is_scaled
    }
