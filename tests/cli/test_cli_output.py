"""The commands' output."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from components.pushing_finalizer.produced import Publication
from newsletter_bandit.checks import Check
from newsletter_bandit.registry import Look, VersionInfo
from newsletter_bandit.registry.evidence import Decision, Drift, Placement, Verdict, VerdictName
from newsletter_bandit.registry.evidence.verdict import ESTIMATED
from newsletter_bandit.settings.reward import Reward
from newsletter_bandit.settings.words import Words
from newsletter_bandit.simulation.truth import PolicyValues
from newsletter_bandit.warehouse.arms import ArmSummary
from newsletter_bandit.warehouse.ingest import IngestReport, Refusal
from newsletter_bandit.warehouse.outside import Outside
from pipelines.cli import outcomes, runs, summary
from pipelines.cli.progress import StepProgress
from pipelines.events import StepEvent
from pipelines.local.running import PredictionOutcome, TrainingOutcome
from tests.evidence_records import constraints, decision, metrics, model_figures
from tests.evidence_records import verdict as a_verdict
from tests.other_words import told
from tests.reports import made_day

SERVED = (
    "erved with: the serving policy, exploring 50% of what is set, score floor 0.03125, expiring after 8 "
    "days: exploring costs 0.1 below a score [sic] "
)


def lines(*parts: RenderableType) -> list[str]:
    """The text on a console without colours; the words of a line are separated by one space."""
    file = io.StringIO()
    console = Console(file=file, width=120, highlight=False)
    for part in parts:
        console.print(part)
    text = file.getvalue()
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_each_ended_step_is_a_line() -> None:
    file = io.StringIO()
    console = Console(file=file, width=120, highlight=False)
    with StepProgress(console) as progress:
        progress(StepEvent("Trainer", "running"))
        progress(StepEvent("Trainer", "finished", 12.34, "lin_ucb on 1,000 rows [sic]"))
        progress(StepEvent("Evaluator", "cached", 0.04, ""))
        progress(StepEvent("Pusher", "failed", 1.0, "no model"))
    shown = file.getvalue().splitlines()
    assert [" ".join(line.split()) for line in shown] == [
        "✓ Trainer 12.3 s lin_ucb on 1,000 rows [sic]",
        "= Evaluator 0.0 s",
        "✗ Pusher 1.0 s",
    ]


def test_a_terminal_shows_the_running_step() -> None:
    file = io.StringIO()
    console = Console(file=file, width=120, force_terminal=True, color_system=None)
    with StepProgress(console, "Loading") as progress:
        progress(StepEvent("Trainer", "running"))
    shown = file.getvalue()
    assert "Loading" in shown
    assert "Trainer" in shown


def test_window_is_named_by_its_first_and_last_day() -> None:
    window = (dt.date(2026, 1, 5), dt.date(2026, 2, 2))
    assert summary.window_line(window) == "2026-01-05 to 2026-02-01 (28 days)"


def test_arms() -> None:
    shown = lines(
        summary.arms(
            [
                ArmSummary("deals", 1500, 0.125, 0.01, 0.002, 0.115),
                ArmSummary("refill", 0, None, None, None, None),
            ],
            Reward(),
        )
    )
    assert shown[0] == "What the log holds: 1,500 newsletters"
    assert "deals 1,500 12.50% 1.00% 0.20% +0.1150" in shown
    assert "refill 0" in shown
    # 15 unsubscribes, 3 of them after a click.
    said = " ".join(shown[-2:])
    assert said.startswith(
        "12 of 15 unsubscribes came without a click, so their reward is 0; with reward.terms"
    )


def test_arms_of_visits_without_unsubscribes() -> None:
    rows = [ArmSummary("deals", 1500, 0.125, 0.0, 0.0, 0.115)]
    words, clicks = Words(unit="visit", subject="session"), Reward.model_validate({"terms": {"clicked": 1}})
    shown = lines(summary.arms(rows, clicks, words))
    assert shown[0] == "What the log holds: 1,500 visits"
    assert "deals 1,500 12.50% +0.1150" in shown
    assert told("\n".join(shown)) == []
    # Unsubscribes that are there are shown, whether the reward counts them or not.
    some = lines(summary.arms([ArmSummary("deals", 1500, 0.125, 0.01, 0.0, 0.115)], clicks, words))
    assert "deals 1,500 12.50% 1.00% 0.00% +0.1150" in some
    assert summary.users_line(dt.date(2026, 11, 23), dt.date(2026, 11, 23), words).startswith("  Sessions of")
    outside = summary.outside(Outside(before=4, after=0), rows, words)
    assert outside == "Outside the window: 4 of 1,504 loaded visits (4 before, 0 after)."


def test_newsletters_outside_of_the_window() -> None:
    rows = [ArmSummary("deals", 100, 0.1, 0.0, 0.0, 0.1), ArmSummary("refill", 0, None, None, None, None)]
    few, most = Outside(before=40, after=3), Outside(before=9_000, after=1_000)
    assert lines(summary.outside(few, rows)) == [
        "Outside the window: 43 of 143 loaded newsletters (40 before, 3 after)."
    ]
    shown = " ".join(lines(summary.outside(most, rows)))
    assert shown.startswith("Outside the window: 10,000 of 10,100 loaded newsletters (9,000 before, 1,000")
    assert "`--run-date` takes an earlier or later window" in shown


@pytest.mark.parametrize("width", [80, 120])
def test_tables_keep_every_figure_and_header_in_80_columns(width: int) -> None:
    rows = [ArmSummary("everything_from_the_favourite_category", 12_345_678, 0.123, 0.01, 0.001, 0.12)]
    served = decision("serving_policy", 0.5, 0.031)
    version = VersionInfo(
        "20261129T165757Z-92fc6bdc", dt.datetime.now(dt.UTC), True, a_verdict(), served, metrics()
    )
    parts = (
        summary.arms(rows, Reward()),
        summary.policy_values(outcome()),
        summary.checks(VERDICT),
        summary.models([version]),
    )
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False)
    for part in parts:
        console.print(part)
    text = file.getvalue()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for figure in ("12,345,678", "12.30%", "+0.1200", "23,936", "newsletters", version.version):
        assert figure in text


def test_ingested() -> None:
    traits = ("all have campaign = 'c1' (none of the kept rows has)",)
    refusal = Refusal("propensity: out of range", "(0, 1]", 3, "log.csv", 7, "0", traits)
    said = ("log.csv: columns are separated by a semicolon.",)
    report = IngestReport("newsletter.training", 10, 5, 2, (refusal,), Path("rejects.jsonl"), said, 0.1)
    assert summary.ingested(report).splitlines() == [
        "5 of 10 rows loaded into newsletter.training, 2 were already there, 3 refused.",
        "  log.csv: columns are separated by a semicolon.",
        "  propensity: out of range: 3 rows, first log.csv row 7: found '0'; allowed: (0, 1]",
        "    all have campaign = 'c1' (none of the kept rows has)",
        "Refused rows, each with its reason: rejects.jsonl",
    ]


VERDICT = Verdict(
    "not_blessed",
    "20261101T000000Z-12345678",
    (
        Check("rows", 23936.0, 2000.0, ">=", True, "23,936 is >= 2000 (evaluation rows)"),
        Check("AUC", 0.45, 0.5, ">=", False, "0.45 is not >= 0.5"),
        Check("AUC against production", None, -0.02, ">=", None, "skipped"),
        Check("value", None, -0.01, ">=", False, "unknown"),
    ),
)


def outcome(**changes: Any) -> TrainingOutcome:
    made = TrainingOutcome(
        window=(dt.date(2026, 1, 5), dt.date(2026, 2, 2)),
        verdict=VERDICT,
        metrics=metrics(),
        decision=decision("serving_policy", 0.5, 0.03125),
        drift=Drift(None, "no model is in production yet", 80_000),
        publication=Publication("not_blessed", None, "failed: AUC"),
        report=Path("runs/newsletter-training.html"),
    )
    return dataclasses.replace(made, **changes)


def test_each_check_has_figure_bound_and_result() -> None:
    shown = lines(summary.checks(VERDICT))
    assert "rows 23,936 >= 2,000 pass evaluation rows" in shown
    assert "AUC 0.45 >= 0.5 fail 0.45 is not >= 0.5" in shown
    assert "AUC against production >= -0.02 skipped skipped" in shown
    assert "value unknown >= -0.01 fail unknown" in shown


@pytest.mark.parametrize(("cost", "words"), [(0.002, "costs 0.002 reward"), (-0.002, "gains 0.002 reward")])
def test_a_constraint_costs_or_gains(cost: float, words: str) -> None:
    found = constraints()
    cap = dataclasses.replace(found.limits[0], cost=cost)
    measured = dataclasses.replace(metrics(), constraints=dataclasses.replace(found, limits=(cap,)))
    assert words in summary.constraints(outcome(metrics=measured), Words())


def test_values_stand_with_what_they_rest_on() -> None:
    found = metrics(rows=5000, candidate=model_figures(value=0.07))
    shown = lines(summary.policy_values(outcome(metrics=found)))
    assert shown[0] == (
        "Reward per newsletter on 5,000 evaluation rows, estimated from the log (doubly robust, 95% interval)"
    )
    assert "logging policy +0.0100 +0.0000 +0.0200" in shown
    assert "candidate minus logging policy +0.0100 +0.0000 +0.0200" in shown
    assert "cost of exploration +0.0100 +0.0000 +0.0200" in shown
    assert "candidate, serving policy +0.0700 +0.0600 +0.0800" in shown
    assert " ".join(shown).endswith(
        "Importance weights: mean 1.02 (1 where the propensities are right), effective sample size 1,234, "
        "largest 23.4, the heaviest 1% of the rows hold 8.71%."
    )


def test_estimated_propensities_are_said_with_the_values_and_with_the_verdict() -> None:
    found = dataclasses.replace(metrics(), estimated_by=("tier", "land [x]"))
    values = " ".join(lines(summary.policy_values(outcome(metrics=found))))
    assert "95% interval, propensities ESTIMATED by tier, land [x])" in values
    judged = " ".join(lines(summary.verdict(outcome(metrics=found), None)))
    assert "Propensities ESTIMATED by tier, land [x]: every figure rests on them, and holds only if" in judged
    failed = (Check(ESTIMATED, None, None, "<=", False, ""),)
    alone = dataclasses.replace(VERDICT, verdict="cannot_tell", checks=failed)
    said = " ".join(lines(summary.verdict(outcome(metrics=found, verdict=alone), None)))
    assert "Cannot tell: the propensities are estimated, so nothing is published; `gate.estimated" in said
    version = VersionInfo("v1", dt.datetime(2026, 11, 23, tzinfo=dt.UTC), True, alone, decision(), found)
    assert "propensities ESTIMATED by tier, land [x]" in " ".join(lines(summary.models([version])))
    assert summary.model(version)["propensities"] == "ESTIMATED by tier, land [x]"
    assert version.judged == "cannot tell, propensities estimated"


@pytest.mark.parametrize(
    ("publication", "current", "words"),
    [
        (Publication("published", "v2", "blessed"), "v2", "In production now: v2 (new)."),
        (Publication("pinned", "v2", "v1 is pinned"), "v1", "In production now: v1 (as before)."),
        (Publication("not_blessed", None, ""), "v1", "In production now: v1 (as before)."),
        (Publication("not_blessed", None, ""), None, "In production now: nothing yet."),
    ],
)
def test_verdict_names_what_is_in_production(
    publication: Publication, current: str | None, words: str
) -> None:
    shown = " ".join(lines(summary.verdict(outcome(publication=publication), current)))
    assert shown.startswith(
        "Not blessed: it is measurably worse than allowed. Compared with: 20261101T000000Z-12345678. "
    )
    # How a model is served is said of one that may be.
    assert (f"S{SERVED}" in shown) == publication.published
    assert (f"Once in production, s{SERVED}" in shown) == (publication.outcome == "pinned")
    assert shown.endswith(words)


@pytest.mark.parametrize(
    ("verdict", "failed", "words"),
    [
        ("cannot_tell", ["rows"], "Cannot tell: the log does not hold enough evidence"),
        ("cannot_tell", ["sample ratio"], "Cannot tell: the propensities do not fit the log"),
        ("cannot_tell", ["rows", "mean weight off 1"], "Cannot tell: the propensities do not fit the log"),
        ("not_blessed", ["unsubscribes"], "Not blessed: it loses measurably more readers than allowed."),
        ("not_blessed", ["value", "unsubscribes"], "Not blessed: it is measurably worse than allowed."),
    ],
)
def test_the_verdict_says_what_it_rests_on(verdict: VerdictName, failed: list[str], words: str) -> None:
    checks = tuple(Check(name, 0.0, 1.0, ">=", False, "") for name in failed)
    found = dataclasses.replace(outcome(), verdict=Verdict(verdict, "v1", checks))
    assert lines(summary.verdict(found, None))[0].startswith(words)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("not_blessed", "Not blessed: it loses no more than allowed against production, but measurably more"),
        (
            "cannot_tell",
            "Cannot tell: it loses no more than allowed against production, but the log does not",
        ),
    ],
)
def test_a_verdict_says_that_the_reference_alone_decided(verdict: VerdictName, words: str) -> None:
    check = Check("value against the reference", -0.12, -0.1, ">=", False, "")
    found = Verdict(verdict, "v8", (check,), reference="v1")
    shown = " ".join(lines(summary.verdict(dataclasses.replace(outcome(), verdict=found), None)))
    assert shown.startswith(words)
    assert "against the reference, v1" in shown
    assert "Compared with: v8, and as reference v1." in shown


def test_a_blessed_verdict_says_where_the_log_cannot_tell() -> None:
    check = Check("value against the reference", None, -0.1, ">=", None, "skipped, the log cannot tell: ...")
    found = Verdict("blessed", "v8", (check,), reference="v1")
    shown = " ".join(lines(summary.verdict(dataclasses.replace(outcome(), verdict=found), None)))
    assert "The log cannot tell how much it loses against the reference, v1. Compared with: v8" in shown


def test_a_verdict_names_what_was_never_tried() -> None:
    detail = "skipped: nothing is known of deals; refill, in no row of the log"
    checks = (Check("never tried", None, None, "<=", None, detail),)
    found = dataclasses.replace(outcome(), verdict=Verdict("blessed", "v1", checks))
    assert " ".join(lines(summary.verdict(found, None))).startswith(
        "Blessed: every check holds. Nothing is known of deals; refill, in no row of the log. Compared with"
    )


def test_refused_predictions_are_pointed_out() -> None:
    page = Path("runs/newsletter-prediction.html")
    good = PredictionOutcome("v1", 2000, 0, None, dt.date(2999, 1, 1), made_day.day(), page)
    assert lines(summary.prediction(good)) == [
        "2,000 rankings stored by model v1, 0 rows refused.",
        "Served until 2999-01-01.",
    ]
    bad = PredictionOutcome(
        "v1", 1998, 2, Path("summary/dead_letters.jsonl"), dt.date(2008, 5, 9), made_day.day(), page
    )
    assert lines(summary.prediction(bad)) == [
        "1,998 rankings stored by model v1, 2 rows refused.",
        "Expired since 2008-05-09: the endpoint treats these users as unknown.",
        "Refused rows, each with its reason: summary/dead_letters.jsonl",
    ]


def test_models_mark_the_current_one() -> None:
    created = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    found = metrics(candidate=model_figures(value=0.125))
    blessed = dataclasses.replace(a_verdict("blessed"), compared_with="v2")
    exploring, greedy = decision("serving_policy", 0.5, 0.031), decision("eval_policy", 0.0)
    first = VersionInfo("v1", created, False, a_verdict("blessed"), decision(), found)
    second = VersionInfo("v2", created, True, None, None, None)
    third = VersionInfo("v3", created, False, blessed, exploring, None)
    fourth = VersionInfo("v4", created, False, blessed, greedy, None)
    shown = lines(summary.models([first, second, third, fourth]))
    judged = "blessed, compared with"
    assert f"v1 +0.1250 {judged} logging policy, serving policy, exploring as set" in shown
    assert "v2 unknown in production, verdict unknown, policy unknown" in shown
    assert f"v3 unknown {judged} v2, serving policy, exploring 50% of what is set, score floor 0.031" in shown
    assert f"v4 unknown {judged} v2, eval policy" in shown


def test_a_blessed_model_that_was_kept_out_of_production_says_why() -> None:
    lost = Publication("superseded", "v2", "compared with v1, but v3 is in production now")
    shown = lines(summary.verdict(outcome(publication=lost), "v3"))
    assert " ".join(shown).endswith(
        "Superseded: production changed while this model was trained, so it was not put there; "
        "`newsletter-bandit train` again judges it against what is there now "
        "(compared with v1, but v3 is in production now). In production now: v3 (as before)."
    )
    held = lines(summary.verdict(outcome(publication=Publication("pinned", "v2", "v1 is pinned")), "v1"))
    assert " ".join(held).endswith(
        "Not in production: a pin keeps what is there; `newsletter-bandit models unpin`, then "
        "`newsletter-bandit train`, judges it again without the pin (v1 is pinned). In production now: v1 "
        "(as before)."
    )


def test_a_model_that_waits_says_who_must_do_what() -> None:
    waits = outcome(publication=Publication("waiting", "v2", "it waits for sign-off"))
    assert " ".join(lines(summary.verdict(waits, "v1"))).endswith(
        "Waits for sign-off: it goes into production when somebody approves it: `newsletter-bandit models "
        "approve v2 --note TEXT`; `newsletter-bandit models reject v2 --note TEXT` says no. In production "
        "now: v1 (as before)."
    )
    assert outcomes.of_training(waits)["outcome"] == "waiting"
    look = Look(("2026-10-12", "2026-11-09"), "s", "r", "e", "blessed", "v1", "waiting", "v2")
    assert " ".join(lines(summary.judged_before(look))).endswith(
        "(blessed, compared with v1); v2 waits for sign-off. Judging again on the same rows only adds "
        "chances to err; `--again` trains all the same. `newsletter-bandit models approve v2 --note TEXT` "
        "puts it into production."
    )


@pytest.mark.parametrize(
    ("publication", "code"),
    [
        (Publication("published", "v2", ""), 0),
        (Publication("not_blessed", None, ""), 3),
        (Publication("superseded", "v2", ""), 3),
        (Publication("pinned", "v2", ""), 3),
        (Publication("waiting", "v2", ""), 3),
    ],
)
def test_a_training_whose_model_is_not_in_production_ends_with_3(publication: Publication, code: int) -> None:
    assert runs.exit_code(outcome(publication=publication)) == code
    # Left out, because the same rows were judged before: nothing is wrong.
    assert runs.exit_code(None) == 0


def test_outcomes_for_a_program_are_json() -> None:
    held = outcome(publication=Publication("pinned", "v2", "v1 is pinned"))
    trained = json.loads(json.dumps(outcomes.of_training(held), allow_nan=False))
    assert (trained["outcome"], trained["version"]) == ("pinned", "v2")
    assert trained["window"] == ["2026-01-05", "2026-02-01"]
    assert Verdict.from_json(json.dumps(trained["verdict"])) == held.verdict
    assert Decision.from_json(json.dumps(trained["decision"])) == held.decision
    assert trained["report"] == "runs/newsletter-training.html"
    assert outcomes.of_training(None) == {"outcome": "judged_before"}
    page = Path("runs/newsletter-prediction.html")
    predicted = PredictionOutcome(
        "v1", 1998, 2, Path("dead_letters.jsonl"), dt.date(2028, 5, 9), made_day.stale(), page
    )
    told = json.loads(json.dumps(outcomes.of_prediction(predicted), allow_nan=False))
    day = told.pop("day")
    assert (day["users"], day["stale_rankings"], len(day["warnings"])) == (10_000, 5000, 1)
    assert told == {
        "model_version": "v1",
        "stored": 1998,
        "rejected": 2,
        "rejects": "dead_letters.jsonl",
        "expires_on": "2028-05-09",
        "report": "runs/newsletter-prediction.html",
    }


def test_looks_at_the_windows_rows_are_told() -> None:
    judged = dataclasses.replace(VERDICT, looks=3)
    shown = lines(summary.verdict(outcome(verdict=judged), None))
    assert "Looks at this window's evaluation rows: 3 (2 other candidates before this one)." in shown
    look = Look(("2026-10-12", "2026-11-09"), "s", "r", "e", "not_blessed", "v1", "not_blessed")
    assert " ".join(lines(summary.judged_before(look))).startswith(
        "Not trained again: a model of 2026-10-12 to 2026-11-08 (28 days) was judged on the same rows with "
        "the same settings (not blessed, compared with v1)."
    )


def test_models_tell_pins_and_lost_races() -> None:
    created = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)

    def version(name: str, **changes: Any) -> VersionInfo:
        return dataclasses.replace(VersionInfo(name, created, False, None, None, None), **changes)

    shown = lines(
        summary.models(
            [
                version("20261129T165757Z-92fc6bdc", is_current=True, is_pinned=True, verdict=a_verdict()),
                version("v2", placement=Placement("superseded", "v0", "v1")),
                version("v3", placement=Placement("pinned", "v1", "v1")),
                version("v4", placement=Placement("placed", "v1", "v1")),
            ]
        )
    )
    # Whatever else wraps, the name that a rollback takes stands in one piece.
    assert shown[3].startswith("20261129T165757Z-92fc6bdc unknown in production, pinned, ")
    assert "v2 unknown superseded, verdict unknown, policy unknown" in shown
    assert "v3 unknown kept out by a pin, verdict unknown, policy unknown" in shown
    assert "v4 unknown verdict unknown, policy unknown" in shown


def test_truth_measures_the_gap_from_uniform_to_oracle() -> None:
    values = PolicyValues(
        users=2000,
        served=0.4,
        logging=0.3,
        uniform=0.2,
        best_single=0.25,
        best_single_recommender="deals",
        oracle=0.6,
        regret=0.2,
        suboptimal_share=0.5,
    )
    shown = lines(summary.truth(values), summary.truth_sentence(values))
    assert "uniform +0.2000 0%" in shown
    assert "logging policy (the rule of the log) +0.3000 25%" in shown
    assert "best single recommender (deals) +0.2500 12%" in shown
    assert "this model, as stored +0.4000 50%" in shown
    assert "oracle +0.6000 100%" in shown
    assert any(line.startswith("The stored rankings close 50% of the gap") for line in shown)
