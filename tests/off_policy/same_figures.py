"""Figures that must be the same, however the rows were cut."""

from __future__ import annotations

from typing import Any

import pytest


def same(found: Any, expected: Any) -> None:
    """Equal but for the last bits of a sum."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            same(found[key], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
    else:
        assert found == expected
