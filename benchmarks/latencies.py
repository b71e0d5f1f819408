"""A table of latencies under load: one row per side, with the rate that the caller wants, and quantiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.measuring import Measured

_QUANTILES = ("p50", "p90", "p99", "p99.9", "max")


def latency_table(
    title: str, measured: Sequence[Measured], counts: Mapping[str, Callable[[Measured], float]]
) -> Table:
    """Counts, quantiles of the median round, and what generator and server cost where there were any.

    Args:
      title: of the table.
      measured: sides that told `benchmarks.load.quantiles` in milliseconds.
      counts: columns before the quantiles, by their heads.
    """
    columns = ["", *counts, *(f"{name} ms" for name in _QUANTILES), "generator", "server MiB"]
    made = Table(
        *columns, title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False
    )
    for column in made.columns[1:]:
        column.justify = "right"
    for one in measured:
        generator = one.figures.get("generator_us_per_request")
        made.add_row(
            one.name,
            *(f"{count(one):,.0f}" for count in counts.values()),
            *(f"{one.median(name):.2f}" for name in _QUANTILES),
            "" if generator is None else f"{generator:.0f} µs",
            "" if generator is None else f"{one.figures['server_peak_mib']:.0f}",
        )
    return made
