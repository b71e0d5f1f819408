"""The mapping as it stands in the use case's file, key `ingest`."""

from __future__ import annotations

from typing import Any

from newsletter_bandit.first_use.choosing import ByColumn, ByEstimate, ByRule, BySplit
from newsletter_bandit.first_use.flags import Flag, flag_names
from newsletter_bandit.first_use.log import Log
from newsletter_bandit.first_use.odd_values import gaps_of
from newsletter_bandit.first_use.proposal import ROW_PREFIX, Proposal
from newsletter_bandit.settings.mapping import Ingest
from newsletter_bandit.settings.yaml_text import block, flow, one_line, plain, scalar

NEXT_CAMPAIGN = "next"
LOGGED = "logged"


def mapping_lines(log: Log, p: Proposal, max_rejected_share: float) -> list[str]:
    """The lines of `ingest`; `max_rejected_share` is the share of rows that may be refused."""
    roles = p.roles
    source = _column(roles["user"]) if "user" in roles else flow({"row_number": ROW_PREFIX})
    user = f"    user_id: {source}"
    sent = _column(roles["time"]) if "time" in roles else flow({"constant": str(p.sent_on)})
    features = [
        f"    {scalar(each.name)}: {_column(each.column)}" for each in p.features if each.name != each.column
    ]
    campaign = _column(roles["campaign"]) if "campaign" in roles else flow({"constant": p.name})
    policy = _column(roles["policy_version"]) if "policy_version" in roles else flow({"constant": LOGGED})
    lines = [
        "# How the files become the two tables: `newsletter-bandit ingest both FILE...` reads this.",
        "ingest:",
        "  training:",
        user,
        f"    sent_at: {sent}",
        f"    campaign: {campaign}",
        f"    recommender: {_column(roles['recommender'])}",
        *_propensity(p),
        f"    policy_version: {policy}",
        f"    clicked: {_flag(p.clicked)}",
        "    unsubscribed: " + ("{constant: false}" if p.unsubscribed is None else _flag(p.unsubscribed)),
        *features,
        *_newest(p),
        "  inference:",
        user,
        f"    campaign: {flow({'constant': NEXT_CAMPAIGN})}",
        *features,
    ]
    written = p.written.model_dump(exclude_defaults=True)
    if p.zone_matters:
        written["time_zone"] = p.written.time_zone
    if written:
        lines += ["  format:", *(f"    {key}: {flow(plain(value))}" for key, value in written.items())]
    names = _value_names(log, p)
    if names:
        lines.append("  # What values of the files stand for; an empty text is the empty cell.")
        lines.append("  value_names:")
        lines += [f"    {scalar(column)}: {flow(meanings)}" for column, meanings in names.items()]
    if max_rejected_share != Ingest().max_rejected_share:
        lines.append("  # So many rows of the files lack something that is needed, or contradict the above.")
    lines.append(f"  max_rejected_share: {max_rejected_share:g}")
    return lines


def _newest(p: Proposal) -> list[str]:
    lines = ["  # The users to rank: those of the log, each as the newest row shows them."]
    return [*lines, f"  newest_by: {scalar(p.roles['time'])}"] if "time" in p.roles else lines


def _column(name: str) -> str:
    return flow({"column": name})


def _flag(flag: Flag) -> str:
    if flag.how == "filled":
        return flow({"filled": flag.column})
    return flow({"column": flag.column} | ({"at_least": 1} if flag.how == "count" else {}))


def _propensity(p: Proposal) -> list[str]:
    contradicted = [f"    # NOTE: {one_line(p.chosen.misfit)}."] if p.chosen.misfit else []
    if isinstance(p.chosen, ByColumn):
        return [*contradicted, f"    propensity: {_column(p.chosen.column)}"]
    if isinstance(p.chosen, BySplit):
        return [
            "    # The probability with which each was drawn, as you said it; not what the log happens to "
            "show.",
            *contradicted,
            "    propensity:",
            "      split:",
            *(f"        {scalar(name)}: {scalar(share)}" for name, share in p.chosen.shares.items()),
        ]
    if isinstance(p.chosen, ByEstimate):
        return [
            "    # Nobody knows it: estimated by the columns that decided. Every figure says so.",
            "    propensity:",
            *(f"      {line}" for line in block("estimated_by", p.chosen.columns)),
        ]
    assert isinstance(p.chosen, ByRule)
    return [
        "    # The probability with which each was drawn, as you said it, by the value of a column.",
        *contradicted,
        "    propensity:",
        f"      rule: {scalar(p.chosen.column)}",
        "      splits:",
        *(f"        {scalar(value)}: {flow(shares)}" for value, shares in p.chosen.splits.items()),
    ]


def _value_names(log: Log, p: Proposal) -> dict[str, dict[str, Any]]:
    """Column of the tables -> its texts that need a meaning."""
    columns = {
        **({"user_id": p.roles["user"]} if "user" in p.roles else {}),
        **({"sent_at": p.roles["time"]} if "time" in p.roles else {}),
        "clicked": p.clicked.column,
        **({"unsubscribed": p.unsubscribed.column} if p.unsubscribed is not None else {}),
        **({"propensity": p.chosen.column} if isinstance(p.chosen, ByColumn) else {}),
        **{each.name: each.column for each in p.features},
    }
    features = {each.name for each in p.features}
    found: dict[str, dict[str, Any]] = {"recommender": {v: arm.name for arm in p.arms for v in arm.renamed}}
    for name, column in columns.items():
        facts = log.columns[column]
        outcome = {"clicked": p.clicked, "unsubscribed": p.unsubscribed}.get(name)
        if outcome is not None:
            words = outcome.names
        elif facts.kind == "flag" and name not in ("user_id", "sent_at"):
            words = flag_names(log, facts)
        else:
            words = {}
        gaps = gaps_of(facts) if name in features else ()
        found[name] = {**words, **dict.fromkeys((*facts.nulls, *gaps), "")}
    return {name: meanings for name, meanings in found.items() if meanings}
