"""What a change of the recommenders changed in the file, and what happens next."""

from __future__ import annotations

import difflib
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter_bandit.settings.use_case import UseCase

_SCHEDULED = (
    "Pipelines on Vertex AI keep the settings that they were compiled with: `newsletter-bandit schedule` "
    "compiles and schedules them again."
)


def difference(path: Path, before: str, after: str) -> str:
    """The changed lines of a file, each behind a minus or a plus, below its name."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return "\n".join([f"{path}:", *(f"  {line}" for line in list(lines)[2:] if line[0] in "+-")])


def after_add(name: str, use_case: UseCase) -> list[str]:
    """Sentences on a recommender that no row shows yet.

    Args:
      name: the new one.
      use_case: the settings that have it.
    """
    budget = use_case.exploration.new_arm
    words = [
        f"{name} is added. Until the next training nothing changes: the model in production does not know "
        "it, and `newsletter-bandit predict` goes on without it.",
    ]
    if budget.until_rows:
        words.append(
            "`newsletter-bandit train` makes a model that tries it: first with a probability of "
            f"{budget.min_share:.1%} to {budget.max_share:.1%} wherever it is eligible, all new ones "
            f"together at most {budget.max_total_share:.0%}, until {budget.until_rows:,} training rows show "
            "it (exploration.new_arm; a higher min_share is a steeper ramp)."
        )
    else:
        words.append(
            "exploration.new_arm.until_rows is 0, so no budget tries it: the agent alone says how often it "
            "is shown."
        )
    words += _split(name, use_case)
    words.append(
        "Where lists of eligible recommenders are used, they must name it from now on, and not for "
        f"{use_case.words.units} that were {use_case.words.sent} before."
    )
    return [*words, _SCHEDULED]


def after_return(name: str, use_case: UseCase) -> list[str]:
    """Sentences on a retired recommender that is offered again; see `after_add`."""
    return [
        f"{name} is offered again: the next `newsletter-bandit predict` ranks it.",
        "It is not in the default ranking; add it there if it should be.",
        *_split(name, use_case),
        _SCHEDULED,
    ]


def after_retire(name: str, before: UseCase) -> list[str]:
    """Sentences on a retired recommender.

    Args:
      name: the retired one.
      before: the settings as they were.
    """
    days = before.freshness.expires_after_days
    words = [
        f"{name} is retired: the next `newsletter-bandit predict` ranks it no more, also with the model in "
        f"production. Rankings that are stored already may hold it for up to {days} days, so run it now.",
        "It stays among the recommenders, so that log and models keep their meaning. `newsletter-bandit arms "
        f"add {shlex.quote(name)}` offers it again.",
    ]
    return [*words, *_default_ranking(name, before, "left"), _SCHEDULED]


def after_rename(old: str, new: str, before: UseCase) -> list[str]:
    """Sentences on a renamed recommender.

    Args:
      old: its name so far.
      new: its name from now on.
      before: the settings as they were.
    """
    words = [
        f"{old} is called {new}: the next `newsletter-bandit predict` ranks it under the new name, also with "
        "the model in production. Log and lists of eligible recommenders may hold either name.",
        "The entry under `renamed` can go once no row of the window, no list and no model in production has "
        "the old name.",
    ]
    return [*words, *_default_ranking(old, before, "has another name in"), _SCHEDULED]


def _split(name: str, use_case: UseCase) -> list[str]:
    """Sentences on the share that a known split does not name yet; none where it does, or there is none."""
    names = [name, *(old for old, today in use_case.renamed.items() if today == name)]
    places = use_case.ingest.splits_without(names)
    if not places:
        return []
    return [
        f"{' and '.join(places)}: {name} has no share there, so `newsletter-bandit ingest` refuses "
        "every row that shows it. Give it the probability with which it is drawn, and change the others so "
        "that they add up to 1. Do it once all rows of the old shares are loaded: a split "
        "holds for every row of a file."
    ]


def _default_ranking(name: str, before: UseCase, what: str) -> list[str]:
    if name not in before.default_ranking:
        return []
    return [
        f"It {what} the default ranking: start `newsletter-bandit serve` again, or deploy the function again "
        "(`newsletter-bandit deploy-function`)."
    ]
