"""A log as a shop's tool exports it: semicolons, decimal commas, local times, odd blanks, gaps, counts."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import numpy as np

# Each with the share with which the tool drew it.
SPLIT = {
    "Editor's picks": 0.4,
    "What's new": 0.3,
    "Best of the week": 0.1,
    "Deals & more": 0.1,
    "Für dich": 0.1,
}
TIERS = ("bronze", "silver", "gold")
# Click rate by tier and recommender; each tier has its own best.
BEST = {"bronze": "Deals & more", "silver": "Für dich", "gold": "What's new"}
LAST_DAY = dt.date(2026, 11, 25)
HEADER = [
    "", "Kunden-Nr.", "Versendet am", "Variante", "Betreff", "Klicks", "Geöffnet", "Abgemeldet am", "Stufe",
    "Umsatz (EUR)", "Käufe letztes Jahr", "Kunde seit", "App", "PLZ", "Land",
]  # fmt: skip


def write_messy_log(path: Path, sends: int = 30_000, seed: int = 3, last_day: dt.date = LAST_DAY) -> Path:
    """Writes the file; eight weeks of newsletters to a third as many customers."""
    rng = np.random.default_rng(seed)
    users = max(sends // 3, 1)
    tier = rng.choice(TIERS, users, p=[0.5, 0.3, 0.2])
    revenue = rng.lognormal(5, 1.2, users).round(2)
    orders = rng.poisson(2.0, users)
    since = [last_day - dt.timedelta(days=int(days)) for days in rng.integers(100, 4000, users)]
    app = rng.choice(["ja", "nein"], users)
    postcode = rng.integers(100, 200, users)
    names, shares = list(SPLIT), np.array(list(SPLIT.values()))
    shown, who = rng.choice(names, sends, p=shares), rng.integers(0, users, sends)
    minutes = rng.integers(0, 56 * 24 * 60, sends)
    end = dt.datetime.combine(last_day + dt.timedelta(days=1), dt.time())
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(HEADER)
        for row in range(sends):
            user, name = int(who[row]), str(shown[row])
            clicked = rng.random() < (0.30 if BEST[tier[user]] == name else 0.08)
            left = rng.random() < 0.004
            sent = end - dt.timedelta(minutes=int(minutes[row]) + 1)
            writer.writerow(
                [
                    row,
                    f"K{user:06}" + " " * (row % 7 == 0),
                    f"{sent:%d.%m.%Y %H:%M}",
                    name.replace("'", "’") if row % 11 == 0 else name + " " * (row % 5 == 0),
                    f"Diese Woche: {name}",
                    int(clicked) * int(rng.integers(1, 4)),
                    "ja" if clicked or rng.random() < 0.2 else "nein",
                    f"{sent + dt.timedelta(days=1):%d.%m.%Y}" if left else "",
                    tier[user] if rng.random() > 0.03 else "",
                    _amount(revenue[user]) if rng.random() > 0.05 else "k. A.",
                    orders[user] if rng.random() > 0.02 else "NULL",
                    f"{since[user]:%d.%m.%Y}",
                    app[user],
                    f"{postcode[user]:05}",
                    "CH",
                ]
            )
    return path


def _amount(value: float) -> str:
    """1.234,5 as a German spreadsheet writes it."""
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))
