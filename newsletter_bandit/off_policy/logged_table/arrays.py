"""Arrow arrays as NumPy arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

FloatArray = npt.NDArray[np.float64]


def floats(values: pa.Array) -> FloatArray:
    """float64 [n] of an Arrow array of doubles, NaN where null."""
    found: FloatArray = values.to_numpy(zero_copy_only=False)
    return found


def nulls(values: pa.Array) -> npt.NDArray[np.bool_]:
    """Mask of an Arrow array's nulls, [n]."""
    missing: npt.NDArray[np.bool_] = values.is_null().to_numpy(zero_copy_only=False)
    return missing


def coded(values: pa.Array) -> tuple[npt.NDArray[np.int64], list[str | None]]:
    """Codes int64 [n] of texts, and the text of each code, in order of appearance; null has a code too."""
    encoded = values.dictionary_encode(null_encoding="encode")
    codes: npt.NDArray[np.int64] = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, encoded.dictionary.to_pylist()
