"""Tests of every agent: in `make test` one network and one linear agent stand for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

SOON = frozenset({"boltzmann", "lin_ucb"})


def of_agents(cases: Iterable[str | Sequence[Any]]) -> list[Any]:
    """Parameters of pytest's, each an agent's name or a sequence that begins with one."""
    every = [(case,) if isinstance(case, str) else tuple(case) for case in cases]
    return [pytest.param(*case, marks=() if case[0] in SOON else pytest.mark.slow) for case in every]
