"""What `init` shows: the columns and what they are used for, the recommenders, and how to go on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from newsletter_bandit.first_use.choosing import ByColumn, ByEstimate, ByRule, BySplit
from newsletter_bandit.first_use.defaults import SMALL_LOG_ROWS
from newsletter_bandit.first_use.facts import KIND_WORDS, Facts
from newsletter_bandit.first_use.named_roles import ROLE_WORDS
from newsletter_bandit.first_use.odd_values import odd_sentences
from newsletter_bandit.first_use.proposal import Proposal
from newsletter_bandit.settings.use_case import Gate
from newsletter_bandit.table_files.cells import Numbers
from pipelines.cli.flags import with_flags

if TYPE_CHECKING:
    from newsletter_bandit.first_use.arms import Arm
    from newsletter_bandit.first_use.features import Feature, LeftOut
    from newsletter_bandit.first_use.log import Log
    from newsletter_bandit.first_use.roles import Roles
    from newsletter_bandit.warehouse.trial import Trial

ZONE_HINT = "A Swiss or German shop's times are usually of Europe/Zurich or Europe/Berlin, 1 to 2 hours off"
_MOST_SHOWN = 24  # characters of a column's name or of an example


def show_log(out: Console, log: Log, roles: Roles) -> None:
    """The files, and each column with what it holds and the role that is proposed for it."""
    files = ", ".join(path.name for path in log.files)
    out.print(f"{files}: {log.rows:,} rows, {len(log.columns)} columns", style="bold", markup=False)
    for line in (*log.said, *_style(log)):
        _say(out, with_flags(line))
    by_column: dict[str, str] = {}
    for role, column in roles.items():
        earlier = f"{by_column[column]} and " if column in by_column else ""
        by_column[column] = f"{earlier}{ROLE_WORDS[role]}"
    table = _table("column", "holds", "proposed as")
    for name, facts in log.columns.items():
        _row(table, _plain(name), _held(facts, log.rows), by_column.get(name, ""))
    out.print(table)


def show_arms(out: Console, arms: Sequence[Arm]) -> None:
    """The recommenders with their rows, shares and click rates."""
    total = sum(arm.rows for arm in arms)
    table = _table("recommender", "newsletters", "share", "click rate")
    for arm in arms:
        _row(table, arm.name, f"{arm.rows:,}", f"{arm.rows / total:.1%}", f"{arm.clicks / arm.rows:.1%}")
    out.print(table)
    for arm in arms:
        if arm.renamed:
            _say(out, f"{arm.name} also stands for {', '.join(map(repr, arm.renamed))}.")


def show_features(out: Console, features: Sequence[Feature], left_out: Sequence[LeftOut]) -> None:
    """The features, and why the other columns are none."""
    table = _table("feature", "used as")
    for feature in features:
        _row(table, _plain(feature.column), feature.why)
    for column in left_out:
        _row(table, _plain(column.column), f"left out: {column.why}", style="dim")
    out.print(table)


def show_proposal(out: Console, log: Log, proposal: Proposal) -> None:
    """How rows are read and learnt from, in sentences."""
    p, plan = proposal, proposal.plan
    lines = []
    if p.name != p.named_after:
        lines.append(
            f"The use case is called {p.name}, after {p.named_after}: a name has small letters, digits and "
            "hyphens alone, as pipelines and jobs of Google Cloud take no others."
        )
    lines.append(f"Click: {p.clicked.column} ({p.clicked.words}).")
    if p.unsubscribed is None:
        lines.append("Unsubscribe: no column, so only clicks count.")
    else:
        lines.append(f"Unsubscribe: {p.unsubscribed.column} ({p.unsubscribed.words}).")
    lines.append(_chosen(p))
    if p.chosen.misfit:
        lines.append(f"But {p.chosen.misfit}. You insist on them; if they are wrong, so is every judgement.")
    lines += odd_sentences(log, p)
    if p.zone_matters:
        lines.append(f"Times without a zone are taken for {p.written.time_zone}{_doubt(p)}.")
    window = f"{plan.window_rows:,} newsletters are in the training window of {plan.window['weeks']} weeks"
    if plan.small:
        lines.append(
            f"{window}. With fewer than {SMALL_LOG_ROWS:,} in its last four weeks the log is small, so a "
            "linear agent learns from it."
        )
    else:
        lines.append(f"{window}. A network learns from them.")
    lines.append(f"About {plan.judged:,} of them judge the model; the rest train it.")
    if plan.too_few:
        lines.append(
            f"That is too few: the gate wants {Gate().min_rows:,}, and will say that it cannot tell. Add "
            "older files."
        )
    if p.unsubscribed is not None and p.max_unsubscribe_ratio is None:
        lines.append(
            f"With {p.unsubscribes[0]:,} unsubscribes in the log, no bound on them can be shown to hold, "
            "so the gate does not look at them. Watch them yourself."
        )
    for line in lines:
        _say(out, line)


def show_trial(out: Console, training: Trial, inference: Trial) -> None:
    """What `ingest` will do with the rows."""
    out.print()
    out.print(
        f"{training.good:,} of {training.read:,} rows can be loaded; {inference.good:,} users can be ranked.",
        style="bold",
        markup=False,
    )
    for line in training.said:
        _say(out, line)
    for refusal in training.refusals:
        _say(out, f"left out: {refusal}")


def show_next(
    out: Console,
    log: Log,
    proposal: Proposal,
    written: Sequence[Path],
    workdir: Path | None,
) -> None:
    """The files that were written, and the commands to go on, ready to copy."""
    out.print(f"Written: {', '.join(map(str, written))}", markup=False, soft_wrap=True)
    options = f"--use-case {shell(written[0])}"
    options += f" --workdir {shell(workdir)}" if workdir is not None else ""
    files = " ".join(map(shell, log.files))
    out.print("\nRead it, then go on with", markup=False)
    for command in (
        f"ingest both {files} {options}",
        f"train --run-date {proposal.plan.run_date} {options}",
        f"predict {options}",
        f"serve {options}",
    ):
        out.print(f"  newsletter-bandit {command}", markup=False, soft_wrap=True)
    user = re.sub(
        r"[^\w.~-]", lambda each: "".join(f"%{byte:02X}" for byte in each[0].encode()), proposal.user
    )
    out.print("and in another terminal", markup=False)
    out.print(f"  curl http://127.0.0.1:8080/users/{user}/recommenders", markup=False, soft_wrap=True)


def shell(text: Path | str) -> str:
    """The text as one word of a shell."""
    plain = re.fullmatch(r"[\w./~-]+", str(text)) is not None
    return str(text) if plain else "'" + str(text).replace("'", "'\\''") + "'"


def _say(out: Console, line: str) -> None:
    """A sentence, indented, also where it goes on below."""
    out.print(Padding(Text(line), (0, 0, 0, 2)))


def _chosen(p: Proposal) -> str:
    if isinstance(p.chosen, BySplit):
        shares = ", ".join(f"{name} {100 * share:.4g}%" for name, share in p.chosen.shares.items())
        return f"Chosen by known shares{'' if p.chosen.misfit else ', which fit the log'}: {shares}."
    if isinstance(p.chosen, ByRule):
        return f"Chosen by shares that depend on {p.chosen.column}."
    if isinstance(p.chosen, ByEstimate):
        return (
            f"Chosen by {', '.join(p.chosen.columns)}, with probabilities that are ESTIMATED. Every figure "
            "says so, and the gate says that it cannot tell until you set gate.estimated_propensities: allow."
        )
    assert isinstance(p.chosen, ByColumn)
    return f"Chosen with the probability in {p.chosen.column}."


def _doubt(p: Proposal) -> str:
    return f". {ZONE_HINT}; --time-zone sets it" if p.written.time_zone == "UTC" else ""


def _style(log: Log) -> list[str]:
    found = []
    if log.numbers != Numbers():
        between = f"1{log.numbers.thousands[0]}234" if log.numbers.thousands else "1234"
        found.append(f"Numbers are written {between}{log.numbers.decimal}5.")
    tokens = [*log.nulls, *dict.fromkeys(token for facts in log.columns.values() for token in facts.nulls)]
    if tokens:
        found.append(f"Taken for an empty cell: {', '.join(map(repr, tokens))}.")
    return found


def _held(facts: Facts, rows: int) -> str:
    words = KIND_WORDS[facts.kind]
    if facts.mostly:
        words = f"text, {facts.different:,} different, most like {facts.mostly}s"
    elif facts.kind == "number":
        words = f"number, {facts.low:g} to {facts.high:g}"
    elif facts.kind == "text":
        words = f"text, {facts.different:,} different"
    elif facts.kind != "empty":
        words = f"{words}, such as {_plain(facts.example)}"
    empty = 1.0 - facts.filled / rows
    return words if not empty else f"{words}, {max(empty, 0.001):.1%} empty"


def _plain(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _MOST_SHOWN else f"{one_line[: _MOST_SHOWN - 1]}…"


def _row(table: Table, *cells: str, style: str | None = None) -> None:
    # A name may hold what rich takes for markup.
    table.add_row(*map(Text, cells), style=style)


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    numbers = ("newsletters", "share", "click rate")
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left")
    return table
