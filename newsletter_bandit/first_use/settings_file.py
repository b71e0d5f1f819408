"""The use case's file: YAML with a comment wherever a person may want to change something."""

from __future__ import annotations

from pathlib import Path

from newsletter_bandit.first_use.choosing import ByEstimate
from newsletter_bandit.first_use.log import Log
from newsletter_bandit.first_use.mapping_text import mapping_lines
from newsletter_bandit.first_use.proposal import Proposal
from newsletter_bandit.settings.yaml_text import block, flow, one_line, plain, scalar

# Where the file's first line says that its keys are described, from the file's folder on.
KEYS = "json_schema/use_case.json"


def use_case_text(log: Log, proposal: Proposal, max_rejected_share: float = 0.001) -> str:
    """The file's text.

    Args:
      log: the files.
      proposal: what it shall say.
      max_rejected_share: share of rows that `ingest` may refuse.
    """
    p, plan = proposal, proposal.plan
    files = ", ".join(Path(file).name for file in log.files)
    names = [arm.name for arm in p.arms]
    learning = plan.learning
    agent = f"agent: {flow(learning['agent'])}"
    lines = [
        f"# yaml-language-server: $schema={KEYS}",
        f"# Written by `newsletter-bandit init` from {one_line(files)}: {p.rows:,} rows, {p.days[0]} to "
        f"{p.days[1]}.",
        "# docs/settings.md describes every key; whatever is not here has its default.",
        f"name: {p.name}",
        "",
        "# What the newsletters can be filled with, the most frequent first. Add, retire and rename them "
        "here.",
        *block("recommenders", names),
        "# Served to a user without a ranking: the recommenders by their click rate in the log. Review the "
        "order.",
        *block("default_ranking", _by_clicks(p)),
        "",
        *(["# Underscores, as no warehouse takes the hyphens of `name`."] if "-" in p.name else []),
        "tables:",
        f"  training: {_schema(p.name)}.training",
        f"  inference: {_schema(p.name)}.inference",
        "",
        "# What a model may look at. It must be known before the newsletter is sent.",
        "features:",
        *(f"  {scalar(each.name)}: {flow(each.settings)}" for each in p.features),
        *(f"  # left out: {one_line(each.column)}: {each.why}" for each in p.left_out),
        "",
        *mapping_lines(log, p, max_rejected_share),
        "",
        *_reward(p),
        "# An outcome can still change for this many days; younger rows are not trained on.",
        f"attribution_days: {plan.attribution_days}",
        *_window(p),
        "# Share of the users whose rows judge a model instead of training it. The gate wants 2,000 such "
        "rows.",
        f"eval_share: {plan.eval_share}",
        "",
        *_agent(p),
        agent,
        *(f"{key}: {flow(learning[key])}" for key in learning if key != "agent"),
        "",
        "# What a model must respect to be published; docs/gate.md has every bound.",
        "gate:",
        "  allowed_margin: 10%           # of what the log earned",
    ]
    lines += _estimated(p)
    lines += _guard(p)
    if p.slices:
        lines.append(f"slices: {flow(list(p.slices))}")
    lines += [
        "",
        "# How long a ranking is served, and how old what a run reads may be, in days.",
        "freshness: {expires_after_days: 8, max_input_age_days: 14}",
        "serving: {unknown_user: default}",
    ]
    return "\n".join(lines) + "\n"


def _schema(name: str) -> str:
    schema = name.replace("-", "_")
    return f"log_{schema}" if schema[0].isdigit() else schema


def _by_clicks(p: Proposal) -> list[str]:
    return [arm.name for arm in sorted(p.arms, key=lambda arm: -arm.clicks / arm.rows)]


def _reward(p: Proposal) -> list[str]:
    if p.unsubscribed is None:
        return [
            "# The log does not say who unsubscribed, so only clicks count.",
            "reward: {terms: {clicked: 1}}",
        ]
    every, after_click = p.unsubscribes
    mostly_without = every > 2 * after_click
    counts = "any" if mostly_without else "after_click"
    words = (
        "Most unsubscribes of the log come without a click"
        if mostly_without
        else "An unsubscribe counts after a click"
    )
    return [
        f"# {words}; docs/settings.md, Reward, has the choices.",
        f"reward: {{terms: {{clicked: 1, unsubscribed: {{weight: -1, counts: {counts}}}}}}}",
    ]


def _estimated(p: Proposal) -> list[str]:
    if not isinstance(p.chosen, ByEstimate):
        return []
    return [
        "  # No log shows whether its estimated probabilities are right, so the gate cannot tell.",
        "  # `allow` takes them for true.",
        "  estimated_propensities: cannot_tell",
    ]


def _guard(p: Proposal) -> list[str]:
    if p.unsubscribed is None:
        return []
    bound, judged = p.max_unsubscribe_ratio, round(p.judged_unsubscribes)
    if bound is None:
        words = (
            f"Off, as about {judged} unsubscribes to judge on cannot show any bound to hold. Try 4.0 later."
        )
    else:
        words = f"Held at the upper bound of an estimate from about {judged:,} unsubscribes."
    return [
        "  # Unsubscribes of the new policy over those of the log.",
        f"  # {words}",
        f"  max_unsubscribe_ratio: {'null' if bound is None else bound}",
    ]


def _window(p: Proposal) -> list[str]:
    window = p.plan.window
    if p.plan.small:
        words = f"The log is small, so a training reads up to {window['weeks']} weeks, and moves on by one."
    else:
        words = f"A training reads {window['weeks']} weeks; each window overlaps the one before."
    return [f"# {words}", f"window: {flow(plain(window))}"]


def _agent(p: Proposal) -> list[str]:
    if p.plan.small:
        return [
            "# A linear agent suits a small log. With more than 100,000 newsletters in four weeks, try a "
            "network:",
            "# configs/agents/boltzmann.yaml.",
        ]
    return ["# A network suits a log of this size; docs/agents.md has the six agents."]
