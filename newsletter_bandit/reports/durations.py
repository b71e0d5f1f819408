"""Durations in words."""

from __future__ import annotations


def duration(seconds: float | None) -> str:
    """Such as "under 1 s", "12 s", "4 min 10 s" or "1 h 2 min"."""
    if seconds is None:
        return "unknown"
    if seconds < 0.5:
        return "under 1 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
