"""Tables and sentences that the commands print on the terminal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from newsletter_bandit.exported_model import SERVING_POLICY
from newsletter_bandit.registry.evidence.verdict import ESTIMATED
from newsletter_bandit.settings.reward import without_values
from newsletter_bandit.settings.run_day import run_day
from newsletter_bandit.settings.words import NEWSLETTER, Words, capital, counted
from newsletter_bandit.warehouse.outcomes import advice, missing_of, unsubscribes
from pipelines.cli.flags import with_options

if TYPE_CHECKING:
    from pathlib import Path

    from components.hyperparameters_gen.tuned_set import TunedSet
    from newsletter_bandit.checks import Check
    from newsletter_bandit.registry import Look, Signed, VersionInfo
    from newsletter_bandit.registry.evidence import Decision, Drift, Metrics, Refitted, Verdict
    from newsletter_bandit.settings.reward import Reward
    from newsletter_bandit.settings.use_case import UseCase
    from newsletter_bandit.simulation.truth import PolicyValues
    from newsletter_bandit.warehouse.arms import ArmSummary
    from newsletter_bandit.warehouse.ingest import IngestReport
    from newsletter_bandit.warehouse.outside import Outside
    from pipelines.local.running import PredictionOutcome, TrainingOutcome
    from pipelines.tuning.running import TuningOutcome

_VERDICT_WORDS = {
    "blessed": "[bold green]Blessed[/]: every check holds.",
    "not_blessed": "[bold red]Not blessed[/]: it is measurably worse than allowed.",
    "cannot_tell": "[bold yellow]Cannot tell[/]: the log does not hold enough evidence, so nothing is "
    "published.",
}
# Checks that fail where the log's propensities are wrong; more rows would not help.
_PROPENSITIES = {"mean weight off 1", "sample ratio", "value within range"}
# The check of a reward that has no bounds.
_BOUNDS = "bounds of the reward"
# The check that looks further back than production.
_REFERENCE = "value against the reference"
_NOT_PLACED = {
    "superseded": "[bold yellow]Superseded[/]: production changed while this model was trained, so it was "
    "not put there; {train} again judges it against what is there now",
    "pinned": "[bold yellow]Not in production[/]: a pin keeps what is there; {unpin}, then {train}, judges "
    "it again without the pin",
    "waiting": "[bold yellow]Waits for sign-off[/]: it goes into production when somebody approves it: "
    "{approve}; {reject} says no",
}
_STANDING = {
    "waiting": "[bold yellow]waits for sign-off[/]",
    "rejected": "",  # the answer says it
    "superseded": "superseded",
    "pinned": "kept out by a pin",
    "replaced": "",
}
_UNKNOWN = "unknown"
_PASSED = {True: "[green]pass[/]", False: "[red]fail[/]", None: "[dim]skipped[/]"}


def window_line(window: tuple[dt.date, dt.date]) -> str:
    """`2026-10-12 to 2026-11-08 (28 days)`: first and last day."""
    first, after = window
    return f"{first} to {after - dt.timedelta(days=1)} ({(after - first).days} days)"


def users_line(snapshot: dt.date | None, run_date: dt.date, words: Words = NEWSLETTER) -> str:
    """`  Users of 2026-11-20, 3 days before the run date`; None is a day that the table does not tell."""
    if snapshot is None:
        return f"  {capital(words.subjects)} of an unknown day: the inference table has no snapshot_date"
    days = (run_date - snapshot).days
    unit = "day" if abs(days) == 1 else "days"
    if days == 0:
        return f"  {capital(words.subjects)} of {snapshot}, the run date"
    return (
        f"  {capital(words.subjects)} of {snapshot}, {abs(days)} {unit} {'before' if days > 0 else 'after'} "
        "the run date"
    )


def ingested(report: IngestReport) -> str:
    """The outcome for the rows of raw files, with one line per reason for refusing some."""
    counts = [f"{report.loaded:,} of {report.read:,} rows loaded into {report.table}"]
    if report.already_there:
        changed = f", {report.changed:,} of them with other values" if report.changed else ""
        counts.append(f"{report.already_there:,} were already there{changed}")
    if report.rejected:
        counts.append(f"{report.rejected:,} refused")
    lines = [f"{', '.join(counts)}."]
    if report.changed:
        lines.append("The table keeps the values that it has; `--replace` empties it first.")
    lines += [f"  {line}" for line in report.said]
    lines += [f"  {refusal}" for refusal in report.refusals]
    if report.rejected and report.rejects is not None:
        lines.append(f"Refused rows, each with its reason: {report.rejects}")
    return "\n".join(lines)


def arms(rows: Sequence[ArmSummary], reward: Reward, words: Words = NEWSLETTER) -> Group:
    """Figures of each recommender in the window, and whether unsubscribes without a click should count.

    Of unsubscribes it says nothing where the reward has no term for them and the log holds none.
    """
    unsubscribed = any(reward.tells_of_unsubscribes(row.unsubscribe_rate) for row in rows)
    of_unsubscribes = ("unsubscribe rate", "after a click") if unsubscribed else ()
    table = _table("recommender", words.units, "click rate", *of_unsubscribes, "mean reward")
    for row in rows:
        table.add_row(
            escape(row.recommender),
            f"{row.newsletters:,}",
            _share(row.click_rate),
            *(
                _share(rate)
                for rate in (row.unsubscribe_rate, row.unsubscribe_after_click_rate)
                if unsubscribed
            ),
            "" if row.mean_reward is None else _signed(row.mean_reward),
        )
    shown = _titled(f"What the log holds: {words.counted_units(sum(row.newsletters for row in rows))}", table)
    said = []
    unknown = sum(row.unknown for row in rows)
    if unknown:
        missing = missing_of(rows) or dict.fromkeys(reward.outcomes, unknown)
        sent = unknown + sum(row.newsletters for row in rows)
        said.append(
            f"Left out: {unknown:,} of {words.counted_units(sent)} of the window ({unknown / sent:.1%}). "
            f"{_sentence(without_values(missing, words))}."
        )
    given = advice(reward, *unsubscribes(rows))
    return Group(shown, *said, *([] if given is None else [f"{given}."]))


def estimated_by(columns: Sequence[str]) -> str:
    """That every figure of a run rests on estimated propensities."""
    return (
        f"[bold yellow]Propensities ESTIMATED[/] by {escape(', '.join(columns))}: every figure rests on "
        "them, and holds only if these columns are all that decided."
    )


def outside(found: Outside, rows: Sequence[ArmSummary], words: Words = NEWSLETTER) -> str:
    """The loaded newsletters outside of the window, and what to do where they are the most."""
    inside = sum(row.newsletters for row in rows)
    left_out = found.before + found.after
    said = (
        f"Outside the window: {left_out:,} of {inside + left_out:,} loaded {words.units} "
        f"({found.before:,} before, {found.after:,} after)."
    )
    if left_out <= inside:
        return said
    return (
        f"[bold yellow]{said}[/] `window` of the use case says which days a training reads: how many "
        "`weeks`, and from which `anchor` on; `--run-date` takes an earlier or later window."
    )


def pinned(version: str) -> str:
    """That a pin will keep whatever is trained out of production."""
    return (
        f"[bold yellow]Production is pinned[/] to {escape(version)}: what is trained now is judged and, if "
        f"blessed, published, but not put into production. To let it, run {_command('models unpin')}."
    )


def policy_values(outcome: TrainingOutcome, words: Words = NEWSLETTER) -> Group:
    """Values of the policies on the evaluation split, doubly robust, with their intervals, and what they rest
    on.
    """
    from components.evaluator.report import policy_values

    metrics = outcome.metrics
    table = _table("policy", "value", "from", "to")
    for row in policy_values(metrics):
        table.add_row(escape(row.label), _signed(row.value), _signed(row.low), _signed(row.high))
    title = (
        f"Reward per {words.unit} on {metrics.overall.rows:,} evaluation rows, estimated from the log "
        f"(doubly robust, {metrics.confidence:.0%} interval{_estimated(metrics)})"
    )
    weights = metrics.overall.candidate.serving_policy.weights
    evidence = (
        f"Importance weights: mean {_plain(weights.mean_weight)} (1 where the propensities are right), "
        f"effective sample size {_plain(weights.effective_sample_size)}, largest "
        f"{_plain(weights.max_weight_unclipped)}, the heaviest 1% of the rows hold "
        f"{_share(weights.top_share) or 'unknown'}."
    )
    return Group(_titled(title, table), evidence)


def _estimated(metrics: Metrics) -> str:
    """The end of a title, of figures that rest on estimated propensities; "" of others."""
    return f", propensities {metrics.propensities}" if metrics.estimated_by else ""


def terms(outcome: TrainingOutcome, use_case: UseCase) -> Group:
    """Each outcome that the reward is made of by itself, estimated from the log, with its interval."""
    from components.evaluator.report import terms

    table = _table("outcome", "log", "production", "candidate", "from", "to")
    for name, *figures in terms(outcome.metrics, use_case.reward):
        table.add_row(escape(name), *("" if figure is None else f"{figure:.4f}" for figure in figures))
    return _titled(f"Outcomes per {use_case.words.unit}, before their weights (importance weighted)", table)


def constraints(outcome: TrainingOutcome, words: Words) -> str:
    """What each constraint costs, one line per bound; "" without constraints."""
    found = outcome.metrics.constraints
    if found is None:
        return ""
    lines = []
    for one in found.limits:
        free, kept = one.frontier[0], one.found
        told = f"[bold]{escape(one.name)}[/]: "
        if len(one.frontier) == 1:
            told += f"costs nothing, the model has {_plain(kept.figure)} without it"
        else:
            told += (
                f"{_cost(one.cost)} reward per {words.unit} ({_plain(kept.value)} instead of "
                f"{_plain(free.value)}), takes it from {_plain(free.figure)} to {_plain(kept.figure)}"
            )
        if not one.holds:
            told += "; [bold yellow]no multiplier holds it with its margin[/]"
        lines.append(f"{told}.")
    return "\n".join([f"Constraints, on the {found.rows:,} training rows kept for them:", *lines])


def _cost(cost: float | None) -> str:
    """Such as "costs 0.002", or "gains 0.002" of a cost below 0."""
    return f"gains {_plain(-cost)}" if cost is not None and cost < 0.0 else f"costs {_plain(cost)}"


def checks(verdict: Verdict) -> Group:
    """Every check of the gate: what was found, its bound, and whether it holds."""
    table = _table("check", "found", "bound", "result", "meaning", left=(4,))
    for check in verdict.checks:
        table.add_row(
            escape(check.name),
            "" if check.passed is None else _plain(check.figure),
            _bound(check),
            _PASSED[check.passed],
            escape(_meaning(check)),
        )
    return _titled("The gate", table)


def _meaning(check: Check) -> str:
    """The sentence of a check without what stands in the columns beside it: the figure and its bound."""
    comparison, _, rest = check.detail.partition(" (")
    plain = comparison.endswith(f"{check.relation} {check.bound:g}") if check.bound is not None else False
    return rest.replace(")", "", 1) if plain and rest else check.detail


def verdict(outcome: TrainingOutcome, current: str | None, words: Words = NEWSLETTER) -> str:
    """The verdict in words, how the model is to be served and why, and what is in production now."""
    decision = outcome.decision
    reasons = "".join(f"\n  {escape(reason)}" for reason in decision.reasons)
    found_limits = outcome.metrics.overall.limits
    said = (
        f"{_verdict_words(outcome.verdict, words, found_limits)}{_of_estimates(outcome.metrics)} "
        f"Compared with: {_compared_with(outcome.verdict)}.\n"
        f"{_looks(outcome.verdict)}"
    ).rstrip()
    publication = outcome.publication
    if publication.version is not None:
        said += (
            f"\n{'Served' if publication.published else 'Once in production, served'} with: the "
            f"{_served(decision)}, expiring after {counted(decision.expires_after_days, 'day', 'days')}:"
            f"{reasons}"
        )
    if publication.published:
        return f"{said}\nIn production now: [bold]{escape(str(publication.version))}[/] (new)."
    if publication.outcome in _NOT_PLACED:
        told = _NOT_PLACED[publication.outcome].format(
            train=_command("train"),
            unpin=_command("models unpin"),
            approve=_command(f"models approve {publication.version} --note TEXT"),
            reject=_command(f"models reject {publication.version} --note TEXT"),
        )
        reason = "" if publication.outcome == "waiting" else f" ({escape(publication.reason)})"
        said += f"\n{told}{reason}."
    production = f"[bold]{escape(current)}[/] (as before)" if current is not None else "nothing yet"
    return f"{said}\nIn production now: {production}."


def _command(words: str) -> str:
    """A command, as it must be called here."""
    return escape(with_options(f"`newsletter-bandit {words}`"))


def _of_estimates(metrics: Metrics) -> str:
    """A sentence after the verdict, where it rests on estimated propensities; "" where it does not."""
    return f" {estimated_by(metrics.estimated_by)}" if metrics.estimated_by else ""


def _compared_with(found: Verdict) -> str:
    reference = "" if found.reference is None else f", and as reference {escape(found.reference)}"
    return f"{escape(found.compared_with)}{reference}"


def report(page: Path) -> str:
    """Where the report for people is."""
    return f"Report: {page}"


def judged_before(look: Look) -> str:
    """The earlier training that another one would only repeat."""
    return (
        f"[bold]Not trained again:[/] {escape(look.words)}. Judging again on the same rows only adds chances "
        "to err; `--again` trains all the same."
        + (
            f" {_command(f'models approve {look.version} --note TEXT')} puts it into production."
            if look.outcome == "waiting"
            else ""
        )
    )


def _verdict_words(found: Verdict, words: Words, limits: Collection[str] = ()) -> str:
    """The verdict and what it rests on; ``limits`` are the checks of constraints."""
    if found.verdict == "cannot_tell" and found.failed == (ESTIMATED,):
        return (
            "[bold yellow]Cannot tell[/]: the propensities are estimated, so nothing is published; "
            "`gate.estimated_propensities: allow` of the use case takes them for true."
        )
    if found.verdict == "cannot_tell" and _PROPENSITIES & set(found.failed):
        return (
            "[bold yellow]Cannot tell[/]: the propensities do not fit the log (see the checks that fail), so "
            f"nothing is published. More {words.units} do not help; right propensities do."
        )
    for name in (words.left_out, _BOUNDS):
        failed = next((check for check in found.checks if check.name == name and check.passed is False), None)
        if failed is not None:
            return f"[bold yellow]Cannot tell[/]: {escape(failed.detail)}. Nothing is published."
    broken = [check for check in found.checks if check.name in limits and check.passed is False]
    if broken and len(broken) == len(found.failed):
        told = "; ".join(f"{check.name}, {check.detail}" for check in broken)
        if found.verdict == "not_blessed":
            return f"[bold red]Not blessed[/]: it breaks a constraint: {escape(told)}."
        return (
            f"[bold yellow]Cannot tell[/] if it holds its constraints: {escape(told)}. Nothing is published."
        )
    if found.verdict == "not_blessed" and found.failed == ("unsubscribes",):
        return f"[bold red]Not blessed[/]: it loses measurably more {words.readers} than allowed."
    if found.failed == (_REFERENCE,):
        whom = f"the reference, {escape(str(found.reference))}"
        if found.verdict == "not_blessed":
            return (
                "[bold red]Not blessed[/]: it loses no more than allowed against production, but measurably "
                f"more than allowed against {whom}."
            )
        return (
            "[bold yellow]Cannot tell[/]: it loses no more than allowed against production, but the log does "
            f"not show that against {whom}, so nothing is published."
        )
    untried = [check for check in found.checks if check.name == "never tried" and check.passed is None]
    told = "".join(f" {escape(_sentence(check.detail))}." for check in untried)
    if found.reference is not None and any(c.name == _REFERENCE and c.passed is None for c in found.checks):
        whom = escape(found.reference)
        told += f" The log cannot tell how much it loses against the reference, {whom}."
    return _VERDICT_WORDS[found.verdict] + told


def _sentence(detail: str) -> str:
    words = detail.removeprefix("skipped: ")
    return f"{words[:1].upper()}{words[1:]}"


def trials(outcome: TuningOutcome, words: Words = NEWSLETTER) -> Group:
    """Every set that was compared, best first."""
    from components.hyperparameters_gen.tuned_set import shown

    measured = [trial for trial in outcome.trials if trial.score is not None]
    diverged = [trial for trial in outcome.trials if trial.score is None]
    keys = [path.partition(".")[2].replace("_", " ") for path in outcome.default]
    table = _table("trial", "", "value", "standard error", "gain", "seconds", *keys, left=(1,))
    for trial in sorted(measured, key=lambda trial: -trial.score.value if trial.score else 0.0) + diverged:
        marks = []
        if trial.number == 0:
            marks.append("[cyan]default[/]")
        if trial.number == outcome.winner.trial.number:
            marks.append("[bold green]best[/]")
        if trial.score is None:
            figures = ["[red]diverged[/]", "", ""]
        else:
            gain = "" if trial.number == 0 else _signed(trial.score.gain)
            figures = [_signed(trial.score.value), f"{trial.score.standard_error:.4f}", gain]
        values = {**outcome.default, **trial.values}
        table.add_row(
            str(trial.number),
            " ".join(marks),
            *figures,
            f"{trial.seconds:.1f}",
            *(escape(shown(values[path])) for path in outcome.default),
        )
    found = outcome.tuned.found
    return _titled(
        f"Reward per {words.unit} of {found.trials} sets on {found.rows:,} validation rows, estimated from "
        "the log (doubly robust, eval policy)",
        table,
    )


def tuned(outcome: TuningOutcome) -> str:
    """The best set, its gain over the default with the interval, what training is to use, and the file."""
    from components.hyperparameters_gen.tuned_set import described

    best, found = outcome.winner, outcome.tuned.found
    written = f"Written to {escape(str(outcome.path))}; the next {_command('train')} uses"
    kept = f"{written} the settings' own."
    if best.trial.number == 0:
        return f"[bold]No set is better than the settings' own.[/]\n{kept}"
    if outcome.tuned.values:
        where = f"{written} the best set."
    else:
        where = f"{kept} `--take-best` takes the best set all the same."
    interval = f"{_signed(best.gain.low)} to {_signed(best.gain.high)}"
    words = (
        "[bold green]better than the settings' own[/]"
        if best.is_better
        else "[bold yellow]not distinguishable from the settings' own[/] on these rows"
    )
    return (
        f"Best: trial {best.trial.number}, {escape(described(best.trial.values))}.\n"
        f"Gain over the settings' own: {_signed(found.gain)}, {best.confidence:.0%} interval {interval} "
        f"(it allows for picking the best of {found.trials}): {words}.\n{where}"
    )


def hyperparameters(tuned: TunedSet | None) -> str:
    """The hyperparameters that a training used."""
    from components.hyperparameters_gen.tuned_set import described

    if tuned is None:
        return "Hyperparameters: the settings' own."
    found = tuned.found
    if not tuned.values:
        return (
            f"Hyperparameters: the settings' own; of {found.trials} sets tried on "
            f"{window_line(found.window)} none was measurably better."
        )
    return (
        f"Hyperparameters: tuned on {window_line(found.window)}, best of {found.trials}: "
        f"{escape(described(tuned.values))}."
    )


def drift(found: Drift) -> str:
    """How far the features moved since the version in production was trained, in one line."""
    if not found.drifted:
        return f"Drift: {escape(found.words)}."
    return f"[bold yellow]Drift:[/] {escape(found.words)}. The report says what to look at."


def refit(found: Refitted) -> str:
    """How the second training came out, in one line."""
    style = "bold green" if found.taken else "bold yellow"
    return f"[{style}]Refit:[/] {escape(found.words)}."


def prediction(outcome: PredictionOutcome, words: Words = NEWSLETTER) -> str:
    """The number of stored rankings, their model, and the file of the refused rows."""
    lines = [
        f"{outcome.stored:,} rankings stored by model [bold]{escape(outcome.model_version)}[/], "
        f"{outcome.rejected:,} rows refused."
    ]
    if outcome.expires_on <= run_day():
        lines.append(
            f"[yellow]Expired since {outcome.expires_on}:[/] the endpoint treats these {words.subjects} as "
            "unknown."
        )
    else:
        lines.append(f"Served until {outcome.expires_on}.")
    if outcome.dead_letters is not None:
        lines.append(f"Refused rows, each with its reason: {escape(str(outcome.dead_letters))}")
    return "\n".join(lines)


def models(versions: Sequence[VersionInfo], title: str = "Published models") -> Group:
    """Published versions, oldest first."""
    table = _table("version", "value", "verdict and how it is served", left=(2,))
    # A rollback takes the whole name.
    table.columns[0].no_wrap = True
    for version in versions:
        served = "policy unknown" if version.decision is None else _served(version.decision)
        doubt = "" if version.metrics is None else escape(_estimated(version.metrics)).removeprefix(", ")
        told = (_placed(version), _answer(version), *_judged(version.verdict), doubt, served)
        table.add_row(
            escape(version.version),
            _signed(_value(version.metrics)),
            ", ".join(part for part in told if part),
        )
    return _titled(title, table)


def model(version: VersionInfo) -> dict[str, Any]:
    """A published version as values for JSON; what its evidence does not tell is None."""
    judged, served = version.verdict, version.decision
    return {
        "version": version.version,
        "created": version.created.isoformat(),
        "in_production": version.is_current,
        "pinned": version.is_pinned,
        "placement": None if version.placement is None else version.placement.outcome,
        "standing": version.standing,
        "sign_offs": [answer.body() for answer in version.sign_offs.answers],
        "verdict": None if judged is None else judged.verdict,
        "compared_with": None if judged is None else judged.compared_with,
        "value": _value(version.metrics),
        "propensities": None if version.metrics is None else version.metrics.propensities,
        "policy": None if served is None else served.policy,
        "exploration_rate": None if served is None else served.exploration_rate,
        "expires_after_days": None if served is None else served.expires_after_days,
    }


def truth(values: PolicyValues, words: Words = NEWSLETTER) -> Group:
    """The model's stored rankings compared with policies that do not learn, and with the oracle."""
    gap = values.oracle - values.uniform
    table = _table("policy", "reward", "gap closed")
    for label, value, style in (
        ("uniform", values.uniform, ""),
        ("logging policy (the rule of the log)", values.logging, ""),
        (f"best single recommender ({values.best_single_recommender})", values.best_single, ""),
        ("this model, as stored", values.served, "bold"),
        ("oracle", values.oracle, ""),
    ):
        table.add_row(escape(label), _signed(value), f"{(value - values.uniform) / gap:.0%}", style=style)
    return _titled(
        f"Expected reward per {words.unit} by the simulator's truth, {words.counted_subjects(values.users)}",
        table,
    )


def truth_sentence(values: PolicyValues) -> str:
    """Share of the gap from uniform to the oracle that the model closes, and its best rival's share."""
    gap = values.oracle - values.uniform
    share = (values.served - values.uniform) / gap
    single = (values.best_single - values.uniform) / gap
    return (
        f"The stored rankings close [bold]{share:.0%}[/] of the gap between uniform and the oracle; "
        f"the best single recommender, which nobody knows beforehand, closes {single:.0%}."
    )


def _looks(verdict: Verdict) -> str:
    if verdict.looks is None:
        return ""
    others = verdict.looks - 1
    before = "no other candidate" if not others else f"{others} other candidate{'s' if others > 1 else ''}"
    return f"Looks at this window's evaluation rows: {verdict.looks} ({before} before this one).\n"


def _placed(version: VersionInfo) -> str:
    if version.is_current:
        return f"[bold green]in production[/]{', pinned' if version.is_pinned else ''}"
    return _STANDING[version.standing]


def _answer(version: VersionInfo) -> str:
    last = version.sign_offs.last
    if last is None:
        return ""
    words = escape(last.words)
    return f"[bold red]{words}[/]" if last.answer == "rejected" else words


def sign_offs(version: VersionInfo) -> Group:
    """Every answer on a version, oldest first."""
    table = _table("answer", "by", "when", "note", left=(1, 2, 3))
    for answer in version.sign_offs.answers:
        against = f" (although it {answer.overrode})" if answer.overrode else ""
        when = f"{answer.at:%Y-%m-%d %H:%M} UTC"
        table.add_row(answer.answer, escape(answer.by), when, escape(f"{answer.note}{against}"))
    return _titled("Sign-off", table)


def signed(version: str, found: Signed) -> str:
    """What an approval or a rejection came to, and what to do now."""
    answer = found.answer
    if found.repeated:
        words = f"{answer.by} has {answer.answer} {version} already, on {answer.day}: {answer.note}"
    else:
        words = f"{version} is {answer.words}."
    if found.moved:
        words += (
            " In production now. Stored rankings stay those of the model before: run `newsletter-bandit "
            "predict` now."
        )
    elif found.production == version:
        words += " It is in production"
        words += (
            " all the same; `newsletter-bandit models rollback --previous` takes it out."
            if answer.answer == "rejected"
            else "."
        )
    else:
        words += f" In production stays: {found.production or 'nothing'}."
    return f"{words} `newsletter-bandit report {version}` makes its report anew."


def _judged(verdict: Verdict | None) -> tuple[str, str]:
    if verdict is None:
        return "verdict unknown", ""
    return verdict.words, f"compared with {escape(verdict.compared_with)}"


def _value(metrics: Metrics | None) -> float | None:
    estimate = None if metrics is None else metrics.overall.candidate.serving_policy.values.get("dr")
    return None if estimate is None else estimate.value


def _served(decision: Decision) -> str:
    parts = [decision.policy_words]
    if decision.policy == SERVING_POLICY:
        rate = decision.exploration_rate
        parts.append("exploring as set" if rate == 1.0 else f"exploring {rate:.0%} of what is set")
    if decision.score_floor is not None:
        parts.append(f"score floor {decision.score_floor:.4g}")
    return ", ".join(parts)


def _table(*columns: str, left: Sequence[int] = ()) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        if index == 0 or index in left:
            table.add_column(column, overflow="fold")
        else:
            # Figures are never cut; names give way.
            table.add_column(_in_two_lines(column), justify="right", no_wrap=True)
    return table


def _in_two_lines(words: str) -> str:
    """A header, broken at the blank that leaves the lines as short as possible."""
    ends = [at for at, letter in enumerate(words) if letter == " "]
    if not ends:
        return words
    at = min(ends, key=lambda end: max(end, len(words) - end - 1))
    return f"{words[:at]}\n{words[at + 1 :]}"


def _titled(title: str, table: Table) -> Group:
    # A title of rich's own would wrap at the table's width.
    return Group(f"[bold]{escape(title)}[/]", table)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


def _signed(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:+.4f}"


def _plain(value: float | None) -> str:
    if value is None:
        return _UNKNOWN
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _bound(check: Check) -> str:
    return "" if check.bound is None else f"{check.relation} {_plain(check.bound)}"
