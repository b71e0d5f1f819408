"""The model card of a version: its evidence as a Markdown text that reads well as it is.

Its headings are those of "Model Cards for Model Reporting" by Mitchell et al. (2019), arXiv 1810.03993.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import jinja2
import yaml

from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.evidence.drift import Summary
from newsletter_bandit.registry.versions import created_at
from newsletter_bandit.reports import amounts
from newsletter_bandit.reports.amounts import plain, share
from newsletter_bandit.reports.commands import complete
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.evidence import of_version as known_of_version
from newsletter_bandit.reports.judgement import estimated
from newsletter_bandit.reports.meaning import (
    LOGGING,
    allowed_loss,
    baseline,
    counted,
    gain,
    has_unsubscribes,
    meanings,
    net_clicks,
)
from newsletter_bandit.reports.sections import comparisons, customers, data, guardrails, slices
from newsletter_bandit.reports.sections.groups import group
from newsletter_bandit.reports.style import TEMPLATES
from newsletter_bandit.settings.words import capital

_LISTED = 10  # of a list inside a sentence
_WIDTH = 110  # characters of a line of text
_BLANK = "\0"  # stands for a blank at which no line may end
_LEARNED = ("agent", "propensity_weighting", "exploration", "warm_start")


def card(evidence: Evidence, made_with: Mapping[str, str] | None = None) -> str:
    """The card as Markdown (CommonMark with tables).

    Args:
      evidence: of a published version.
      made_with: versions of the libraries; None where the card is made later, and nobody knows them any more.

    Raises:
      ValueError: the evidence is of a run that published nothing.
    """
    if evidence.version is None:
        raise ValueError("the evidence has no version; allowed: that of a run that published one")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "code": code,
        "listed": listed,
        "cell": _cell,
        "whole": amounts.whole,
        "share": share,
        "plain": plain,
        "capital": capital,
    }
    text = environment.get_template("model_card.md").render(_context(evidence, evidence.version, made_with))
    return "\n\n".join(_wrapped(block) for block in re.split(r"\n{2,}", text.strip("\n"))) + "\n"


def code(text: str) -> str:
    """A name as a code span, in which nothing is markup; also inside a table's cell."""
    plain = " ".join(text.split()).replace("|", "\\|")
    fence = "`" * (max(map(len, re.findall("`+", plain)), default=0) + 1)
    space = " " if plain.startswith("`") or plain.endswith("`") or not plain else ""
    return f"{fence}{space}{plain}{space}{fence}"


def listed(names: list[str]) -> str:
    """Names in a sentence, each as a code span, a long list cut; "none" for no name."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(code(name) for name in names[:_LISTED]) or "none") + more


def _wrapped(block: str) -> str:
    """A paragraph or a list in lines of a readable length; whatever has its own lines keeps them."""
    if block.startswith(("|", "#", "```", "    ")):
        return block
    return "\n".join(_lines(" ".join(item.split())) for item in re.split(r"\n(?=- )", block))


def _lines(item: str) -> str:
    # A name of several words stays on one line.
    whole = re.sub(r"`[^`]*`", lambda found: found[0].replace(" ", _BLANK), item)
    indent = {"- ": "  ", "> ": "> "}.get(item[:2], "")
    lines = textwrap.wrap(
        whole, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines).replace(_BLANK, " ")


def _cell(text: str) -> str:
    """A sentence in a table's cell, in which nothing is markup."""
    return re.sub(r"([|<*`\[])", r"\\\1", " ".join(text.split()))


def _context(evidence: Evidence, version: str, made_with: Mapping[str, str] | None) -> dict[str, Any]:
    use_case, overall = evidence.use_case, evidence.metrics.overall
    groups, found = slices.slices(evidence), gain(evidence)
    sliced = list(dict.fromkeys(name.partition("=")[0] for name in evidence.metrics.slices))
    shares = customers.shares(evidence)
    return {
        "evidence": evidence,
        "use_case": use_case,
        "words": use_case.words,
        "overall": overall,
        "unsubscribes": has_unsubscribes(evidence),
        "version": version,
        "published": f"{created_at(version):%Y-%m-%d %H:%M} UTC",
        "libraries": made_with,
        "hyperparameters": _hyperparameters(evidence),
        "served": customers.served(evidence),
        "confidence": share(evidence.metrics.confidence, 0),
        "net_clicks": net_clicks(evidence),
        "allowed_loss": allowed_loss(evidence),
        "baseline": baseline(evidence),
        "days": data.window_days(evidence),
        "newsletters": evidence.newsletters,
        "features": list(_features(evidence)),
        "compared": comparisons.compared(evidence),
        "gain": found,
        "unit": counted(evidence),
        "earns": f"{amounts.more_or_fewer(found.value)} {counted(evidence)}",
        "interval": amounts.span(found.low, found.high),
        "meanings": meanings(evidence),
        "groups": groups,
        "gainers": [one.name for one in groups if one.words == "gains"],
        "losers": [one.name for one in groups if one.words == "loses"],
        "same": [one.name for one in groups if one.words == "no difference"],
        "unsure": [one.name for one in groups if one.words == "cannot tell"],
        "sliced": sliced,
        "unsliced": [name for name in use_case.features if name not in sliced],
        "shares": shares,
        "untested": [one.recommender for one in shares if one.untested],
        "thin": list(_thin(evidence)),
        "thin_below": customers.EVIDENCE,
        "guards": guardrails.guards(evidence),
        "bring_back": complete(f"models rollback {version}", evidence),
        "take_back": complete("models rollback --previous", evidence),
        "predict": complete("predict", evidence),
        "report": complete(f"report {version}", evidence),
        "estimated": estimated(evidence),
        "is_first": evidence.verdict.compared_with == LOGGING,
    }


def _hyperparameters(evidence: Evidence) -> str:
    """What learns and explores, as it stands in a file of settings."""
    settings = json.loads(evidence.use_case.to_json())
    return yaml.safe_dump({name: settings[name] for name in _LEARNED}, sort_keys=False, allow_unicode=True)


def _features(evidence: Evidence) -> Iterator[tuple[str, str, str, str, str]]:
    """Name, type, treatment, what the training rows hold, and the share of them without a value."""
    drift = evidence.drift
    known = {} if drift is None else {one.name: one.now for one in drift.features}
    for name, one in evidence.use_case.features.items():
        now = known.get(name)
        yield (
            name,
            one.type,
            one.treatment.replace("_", " "),
            amounts.UNKNOWN if now is None else _summary(now),
            amounts.UNKNOWN if now is None else share(now.missing),
        )


def _summary(found: Summary) -> str:
    if found.values:
        return ", ".join(f"{code(one.value)} {share(one.share)}" for one in found.values)
    if found.median is None:
        return "nothing"
    return f"median {plain(found.median)}, 10% to 90%: {plain(found.low)} to {plain(found.high)}"


def _thin(evidence: Evidence) -> Iterator[str]:
    """Where the model shows a recommender to a group of users for whom the log has hardly any newsletter."""
    for name, one in sorted(evidence.metrics.slices.items()):
        for recommender, cell in customers.cells(one).items():
            if cell.untested:
                yield f"{recommender}, {group(name)}"


def of_version(registry: Registry, version: str, options: str | None = None) -> str:
    """The card that was published with a version; where there is none, one that is made of its evidence.

    Args:
      registry: of the use case.
      version: a published version.
      options: of the command that asks, for the commands in a card that is made now.

    Raises:
      DataError: there is no such version, or it was published without evidence as well.
      SettingsError: its use case has settings that this version of newsletter-bandit does not know.
    """
    published = registry.card(version)
    if published is not None:
        return published
    return _made_later(card(replace(known_of_version(registry, version), options=options)))


def _made_later(text: str) -> str:
    title, _, rest = text.partition("\n")
    note = (
        "> This card was made later, from the evidence beside the version: an earlier newsletter-bandit, "
        "which wrote no cards, published it."
    )
    return f"{title}\n\n{_wrapped(note)}\n{rest}"
