"""Estimates what 2, 20 and 200 million users per day take on Google Cloud, from the figures of one core.

    python -m benchmarks.scaling [--figures FILE] [--users 2000000 ...] [--price NAME=NUMBER ...]
                                 [--write docs/scaling.md]

Prints the tables of docs/scaling.md; `--write` puts them into the page. Nothing here was run on a cloud:
rates and bytes per row are measured (benchmarks/figures/per_core.json), and the rest is arithmetic with
`Assumptions`.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
FIGURES = FOLDER / "figures" / "per_core.json"
PAGE = FOLDER.parent / "docs" / "scaling.md"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
SIZES = (2_000_000, 20_000_000, 200_000_000)
# The law of apache_beam.io.gcp.datastore.v1new.rampup_throttling_fn.
BASE, GROWTH, INTERVAL = 500.0, 1.5, 5.0  # writes per second, times, minutes
DAILY, TRAINING = ("ingest", "score", "store"), ("ingest", "validate", "transform", "train", "evaluate")
SIZES_OF = (
    "training_table",
    "inference_table",
    "training_examples",
    "inference_examples",
    "transformed_examples",
    "predictions",
    "entity",
    "entity_index",
)
GB, TIB = 1e9, 2**40


@dataclass(frozen=True)
class Assumptions:
    """Assumptions that were not measured.

    Attributes:
      worker_cores: cores of a Dataflow worker, e.g. 2 of an n2-standard-2.
      worker_gib: its memory.
      step_minutes: that a daily step may take.
      training_step_minutes: that a step of training may take.
      send_minutes: in which the sender reads every user's ranking.
      start_minutes: from Dataflow's job to its first row.
      efficiency: share of a core's rate that a core of many keeps: shuffles, stragglers, slower cores.
      window_days: that training reads.
      newsletters: per user and day.
      eval_share: of the window that is evaluated and not trained on.
    """

    worker_cores: int = 2
    worker_gib: float = 8.0
    step_minutes: float = 30.0
    training_step_minutes: float = 120.0
    send_minutes: float = 60.0
    start_minutes: float = 4.0
    efficiency: float = 0.6
    window_days: int = 28
    newsletters: float = 1.0
    eval_share: float = 0.2


@dataclass(frozen=True)
class Figures:
    """Measured figures; the keys are those of the JSON file.

    Attributes:
      machine, date: on what, and when.
      rate: step -> rows per second by one core.
      size: hand-over -> bytes per row.
    """

    machine: str
    date: str
    rate: Mapping[str, float]
    size: Mapping[str, float]

    @classmethod
    def read(cls, path: Path = FIGURES) -> Figures:
        """Reads the figures from a JSON file.

        Raises:
          ValueError: a rate or size is missing, or not above 0; names it.
        """
        told = json.loads(path.read_text(encoding="utf-8"))
        rate, size = told["rows_a_second_per_core"], told["bytes_a_row"]
        missing = [name for name in (*DAILY, *TRAINING, "batch_get") if name not in rate]
        missing += [name for name in SIZES_OF if name not in size]
        if missing:
            raise ValueError(f"{path}: no {', '.join(missing)}; allowed: a figure of each")
        for name, value in {**rate, **size}.items():
            if not value > 0:
                raise ValueError(f"{path}: {name}: found {value}; allowed: more than 0")
        return cls(told["machine"], told["date"], rate, size)


@dataclass(frozen=True)
class Step:
    """One step at one size.

    Attributes:
      rows: that it works on.
      workers: that make it fit its time.
      minutes: that it then takes, its start included.
      core_hours: that it is paid for.
    """

    rows: float
    workers: int
    minutes: float
    core_hours: float


def step(rows: float, rate: float, minutes: float, how: Assumptions) -> Step:
    """The step with the fewest workers that finish ``rows`` in ``minutes``.

    Args:
      rows: to work on.
      rate: rows per second by one core.
      minutes: allowed, the start included.
      how: gives cores, efficiency and start.

    Raises:
      ValueError: no time is left after the start.
    """
    left = minutes - how.start_minutes
    if left <= 0:
        raise ValueError(f"minutes of a step: found {minutes:g}; allowed: more than {how.start_minutes:g}")
    a_minute = rate * how.worker_cores * how.efficiency * 60.0
    workers = max(1, math.ceil(rows / (a_minute * left)))
    taken = how.start_minutes + rows / (a_minute * workers)
    return Step(rows, workers, taken, workers * how.worker_cores * taken / 60.0)


def ramp_rate(minutes: float) -> float:
    """Writes per second that the ramp allows: 500, growing 1.5-fold every 5 minutes from minute 5 on."""
    return float(BASE * GROWTH ** max(0.0, minutes / INTERVAL - 1.0))


def ramp_writes(minutes: float) -> float:
    """Writes that the ramp allows in its first minutes: the integral of `ramp_rate`."""
    if minutes <= INTERVAL:
        return BASE * 60.0 * minutes
    growing = GROWTH ** (minutes / INTERVAL - 1.0) - 1.0
    return BASE * 60.0 * INTERVAL * (1.0 + growing / math.log(GROWTH))


def ramp_minutes(writes: float, fastest: float = math.inf) -> float:
    """Minutes in which the ramp lets this number of writes through.

    Args:
      writes: from the first on.
      fastest: writes per second that the workers manage at most.
    """
    if fastest <= BASE:
        return writes / (fastest * 60.0)
    first = BASE * 60.0 * INTERVAL
    if writes <= first:
        return writes / (BASE * 60.0)
    needed = INTERVAL * (1.0 + math.log1p((writes / first - 1.0) * math.log(GROWTH)) / math.log(GROWTH))
    reached = INTERVAL * (1.0 + math.log(fastest / BASE) / math.log(GROWTH))
    if needed <= reached:
        return needed
    return reached + (writes - ramp_writes(reached)) / (fastest * 60.0)


@dataclass(frozen=True)
class Day:
    """One day's predictions for a given number of users.

    Attributes:
      steps: ingest, score, store as if Datastore took everything at once.
      store_minutes: of a cold kind: the ramp, and the start.
      store_core_hours: of the workers that wait for it.
      bottleneck: the part that takes longest.
      instances: cores of the endpoint that let the sender read every user in time.
    """

    users: int
    steps: dict[str, Step]
    store_minutes: float
    store_core_hours: float
    bottleneck: str
    instances: int

    @property
    def minutes(self) -> float:
        """Minutes of all steps one after another, with a cold kind."""
        return sum(self.steps[name].minutes for name in ("ingest", "score")) + self.store_minutes


def day(users: int, figures: Figures, how: Assumptions) -> Day:
    """See `Day`."""
    steps = {name: step(users, figures.rate[name], how.step_minutes, how) for name in DAILY}
    workers = steps["store"].workers
    fastest = figures.rate["store"] * how.worker_cores * how.efficiency * workers
    cold = how.start_minutes + ramp_minutes(users, fastest)
    minutes = {"ingest": steps["ingest"].minutes, "score": steps["score"].minutes, "Datastore's ramp": cold}
    return Day(
        users=users,
        steps=steps,
        store_minutes=cold,
        store_core_hours=workers * how.worker_cores * cold / 60.0,
        bottleneck=max(minutes, key=lambda name: minutes[name]),
        instances=math.ceil(users / (figures.rate["batch_get"] * how.send_minutes * 60.0)),
    )


def training(users: int, figures: Figures, how: Assumptions) -> dict[str, Step]:
    """Steps of one training on a window of newsletters, for a given number of users per day."""
    rows = users * how.newsletters * how.window_days
    shares = {"train": 1.0 - how.eval_share, "evaluate": how.eval_share}
    return {
        name: step(rows * shares.get(name, 1.0), figures.rate[name], how.training_step_minutes, how)
        for name in TRAINING
    }


# Unit prices are given by whoever asks; names with what they are a price of.
PRICES = {
    "core_hour": "Dataflow, a core for an hour",
    "gib_hour": "Dataflow, a GiB of memory for an hour",
    "tib_read": "BigQuery, a TiB read",
    "100k_writes": "Datastore, 100,000 entity writes",
    "100k_reads": "Datastore, 100,000 entity reads",
    "gib_month": "Datastore, a GiB stored for a month",
}


def day_cost(of: Day, figures: Figures, how: Assumptions, prices: Mapping[str, float]) -> float:
    """Cost of one day's predictions, in the currency of the prices; prices not given count as 0."""
    hours = of.steps["ingest"].core_hours + of.steps["score"].core_hours + of.store_core_hours
    stored = of.users * (figures.size["entity"] + figures.size["entity_index"]) / 2**30
    amounts = {
        "core_hour": hours,
        "gib_hour": hours / how.worker_cores * how.worker_gib,
        "tib_read": of.users * figures.size["inference_table"] / TIB,
        "100k_writes": of.users / 1e5,
        "100k_reads": of.users / 1e5,
        "gib_month": stored / 30.0,
    }
    return sum(price * amounts[name] for name, price in prices.items())


def training_cost(users: int, figures: Figures, how: Assumptions, prices: Mapping[str, float]) -> float:
    """Cost of one training, in the same way; the Trainer's cores at Dataflow's price."""
    hours = sum(one.core_hours for one in training(users, figures, how).values())
    amounts = {
        "core_hour": hours,
        "gib_hour": hours / how.worker_cores * how.worker_gib,
        "tib_read": users * how.newsletters * how.window_days * figures.size["training_table"] / TIB,
    }
    return sum(prices.get(name, 0.0) * amount for name, amount in amounts.items())


def report(figures: Figures, sizes: Sequence[int], how: Assumptions, prices: Mapping[str, float]) -> str:
    """The tables, in Markdown."""
    days = [day(users, figures, how) for users in sizes]
    parts = [
        _figures_table(figures),
        _assumptions_table(how),
        _day_table(days),
        _ramp_table(sizes, figures, how),
        _training_table(sizes, figures, how),
        _bytes_table(sizes, figures, how),
    ]
    if prices:
        lines = [
            [
                f"{one.users:,}",
                f"{day_cost(one, figures, how, prices):,.2f}",
                f"{training_cost(one.users, figures, how, prices):,.2f}",
            ]
            for one in days
        ]
        given = ", ".join(f"{name} {price:g}" for name, price in prices.items())
        parts.append(
            _table(f"Cost at {given}", ["users per day", "a day's predictions", "a training"], lines)
        )
    return "\n\n".join(parts)


def _figures_table(figures: Figures) -> str:
    rates = [[f"`{name}`", f"{rate:,.0f} rows/s per core"] for name, rate in figures.rate.items()]
    sizes = [[f"`{name}`", f"{size:,.0f} bytes per row"] for name, size in figures.size.items()]
    return _table(f"Measured on {figures.machine}, {figures.date}", ["figure", ""], rates + sizes)


def _assumptions_table(how: Assumptions) -> str:
    lines = [[f"`{each.name}`", f"{getattr(how, each.name):g}"] for each in fields(how)]
    return _table("Assumed", ["assumption", ""], lines)


def _day_table(days: Sequence[Day]) -> str:
    lines = [
        [
            f"{one.users:,}",
            *(_said(one.steps[name]) for name in ("ingest", "score")),
            f"{one.steps['store'].workers} x {one.store_minutes:,.0f} min",
            f"{one.minutes:,.0f} min",
            one.bottleneck,
            f"{one.instances}",
        ]
        for one in days
    ]
    head = ["users per day", "ingest", "score", "store, cold kind", "one after another", "bottleneck"]
    return _table("A day's predictions: workers x minutes", [*head, "endpoint, cores"], lines)


def _ramp_table(sizes: Sequence[int], figures: Figures, how: Assumptions) -> str:
    lines = []
    for users in sizes:
        workers = step(users, figures.rate["store"], how.step_minutes, how).workers
        fastest = figures.rate["store"] * how.worker_cores * how.efficiency * workers
        minutes = ramp_minutes(users)
        lines.append(
            [
                f"{users:,}",
                f"{minutes:,.1f} min",
                f"{ramp_rate(minutes):,.0f}",
                f"{fastest:,.0f}",
                f"{ramp_minutes(users, fastest):,.1f} min",
                f"{users / fastest / 60.0:,.1f} min",
            ]
        )
    head = ["entities", "ramp alone", "writes/s at its end", "workers' writes/s", "both", "kind kept warm"]
    return _table("Datastore: 500 writes/s, 1.5 times as many every 5 minutes", head, lines)


def _training_table(sizes: Sequence[int], figures: Figures, how: Assumptions) -> str:
    lines = []
    for users in sizes:
        steps = training(users, figures, how)
        slowest = max(steps, key=lambda name: steps[name].core_hours)
        lines.append(
            [
                f"{users:,}",
                f"{users * how.newsletters * how.window_days:,.0f}",
                *(_said(one) for one in steps.values()),
                slowest,
            ]
        )
    head = ["users per day", "rows of the window", *TRAINING, "bottleneck"]
    return _table("A training: workers x minutes", head, lines)


def _bytes_table(sizes: Sequence[int], figures: Figures, how: Assumptions) -> str:
    size = figures.size
    lines = []
    for users in sizes:
        window = users * how.newsletters * how.window_days
        amounts = [
            users * size["inference_table"],
            users * size["inference_examples"],
            users * size["predictions"],
            users * (size["entity"] + size["entity_index"]),
            window * size["training_table"],
            window * size["training_examples"],
            window * size["transformed_examples"],
        ]
        lines.append([f"{users:,}", *(f"{amount / GB:,.2f}" for amount in amounts)])
    head = [
        "users per day",
        "BigQuery, per day",
        "examples",
        "predictions",
        "Datastore",
        "BigQuery, per window",
    ]
    return _table("Gigabytes (10^9 bytes)", [*head, "its examples", "transformed"], lines)


def _said(one: Step) -> str:
    return f"{one.workers} x {one.minutes:,.0f} min"


def _table(title: str, head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = "|---|" + "---:|" * (len(head) - 1)
    rows = ["| " + " | ".join(line) + " |" for line in (head, *lines)]
    return "\n".join([f"**{title}**", "", rows[0], rule, *rows[1:]])


def tables_of(page: str) -> str:
    """The text between the page's two marks.

    Raises:
      ValueError: a mark is missing.
    """
    _, mark, rest = page.partition(BEGIN)
    told, end, _ = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return told.strip()


def with_tables(page: str, tables: str) -> str:
    """The page with other tables."""
    tables_of(page)
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def _price(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    if name not in PRICES:
        raise argparse.ArgumentTypeError(f"found {name}; allowed: {', '.join(PRICES)}")
    try:
        return name, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{name}: found {number!r}; allowed: a number") from None


def main() -> None:
    """Prints the tables, or writes them into the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--figures", type=Path, default=FIGURES, help="measured figures, JSON")
    parser.add_argument("--users", type=int, nargs="+", default=SIZES, help="users per day")
    kinds = "; ".join(f"{name}: {what}" for name, what in PRICES.items())
    parser.add_argument("--price", type=_price, nargs="+", default=[], metavar="NAME=NUMBER", help=kinds)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables into the page")
    for each in fields(Assumptions):
        option = "--" + each.name.replace("_", "-")
        parser.add_argument(option, type=type(each.default), default=each.default)
    options = parser.parse_args()
    how = Assumptions(**{each.name: getattr(options, each.name) for each in fields(Assumptions)})
    tables = report(Figures.read(options.figures), options.users, how, dict(options.price))
    if options.write is None:
        print(tables)
        return
    page = options.write.read_text(encoding="utf-8")
    options.write.write_text(with_tables(page, tables), encoding="utf-8")


if __name__ == "__main__":
    main()
