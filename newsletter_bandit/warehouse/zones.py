"""Time zones by names that are nearly theirs: `Europa/Zürich` is Europe/Zurich."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable


def nearest_zone(given: str, zones: Iterable[str]) -> str | None:
    """The zone whose place is called as, or nearly as, that of the given one; None where none is.

    Args:
      given: what a person wrote.
      zones: names of the IANA database.
    """
    region, _, place = _plain(given).rpartition("/")
    places: dict[str, list[str]] = {}
    for zone in sorted(zones):
        places.setdefault(_plain(zone).rpartition("/")[2], []).append(zone)
    close = difflib.get_close_matches(place, places, 1, 0.75)
    if not close:
        return None
    # Of several zones with that place, the one whose region is written most alike; none is best for none.
    return max(
        places[close[0]],
        key=lambda zone: difflib.SequenceMatcher(None, region, _plain(zone).rpartition("/")[0]).ratio(),
    )


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFKD", name.strip().lower()).encode("ascii", "ignore").decode()
    return "_".join(text.split())
