"""From evidence to words: what a product owner reads first, and what to do next."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest

from newsletter_bandit.checks import Check
from newsletter_bandit.records import Fields
from newsletter_bandit.registry import VersionInfo
from newsletter_bandit.registry.evidence import (
    Answer,
    Drift,
    Placement,
    PlacementName,
    SignOff,
    SignOffs,
    Verdict,
)
from newsletter_bandit.registry.evidence.metrics import Clicks, Difference, Estimate, Unsubscribes
from newsletter_bandit.reports.amounts import Amount, plain, share, span, whole
from newsletter_bandit.reports.card import card
from newsletter_bandit.reports.evidence import Evidence, Outcome
from newsletter_bandit.reports.judgement import headline
from newsletter_bandit.reports.meaning import meanings, net_clicks, relative_gain
from newsletter_bandit.reports.next_steps import next_steps
from newsletter_bandit.reports.sections.comparisons import compared, singles
from newsletter_bandit.reports.sections.correction import bonferroni
from newsletter_bandit.reports.sections.customers import served, shares
from newsletter_bandit.reports.sections.data import empty_days, log_ends, sent
from newsletter_bandit.reports.sections.drift import answer, moved
from newsletter_bandit.reports.sections.guardrails import exploring, guards
from newsletter_bandit.reports.sections.history import history, rollbacks
from newsletter_bandit.reports.sections.sign_off import section
from newsletter_bandit.reports.sections.slices import slices
from newsletter_bandit.settings.margin import Loss
from tests.evidence_records import decision, model_figures
from tests.reports.made import (
    FIRST,
    NAMES,
    SECOND,
    THIRD,
    difference,
    drift,
    evidence,
    overall,
    refused,
    version,
    with_everything,
    wrong_propensities,
)

COSTLY = Estimate(0.04, 0.005, 0.03, 0.05)


def steps(found: Evidence) -> str:
    return "\n".join(f"{step.text} {step.command}".strip() for step in next_steps(found))


def test_a_first_model_that_is_better_goes_live() -> None:
    said = headline(evidence())
    assert (said.tone, said.badge) == ("good", "Go live")
    assert said.sentence == (
        "This model passed every check: per 100,000 newsletters it earns 2,000 more net clicks than the "
        "newsletters as they were sent (+200.0%; 95% interval: 1,500 to 2,540 more)."
    )
    assert "in production since this run" in said.because


def test_estimated_propensities_alone_keep_a_model_out_and_what_to_do_is_said() -> None:
    found = refused(estimated_propensities=(None, 0.0, "the propensities are estimated by tier"))
    found = replace(found, metrics=replace(found.metrics, estimated_by=("tier",)))
    said = headline(found)
    assert (said.tone, said.badge) == ("unsure", "Cannot tell: do not go live yet")
    assert said.sentence.startswith("What this model is worth rests on estimated probabilities")
    assert "estimated by tier" in said.because
    assert "If tier are surely all that decided, set gate.estimated_propensities: allow" in steps(found)
    assert steps(found).startswith("Send a part of the next newsletters by a random draw")


def test_a_model_within_the_margin_need_not_be_better() -> None:
    found = evidence(figures=overall(difference=difference(0.001, -0.004, 0.006)), compared_with=FIRST)
    said = headline(found)
    assert said.badge == "Go live, no worse than allowed"
    assert said.sentence == (
        "This model passed every check: per 100,000 newsletters it is not measurably different from the "
        "model that it replaces (net clicks: 400 fewer to 600 more; 95% interval)."
    )
    assert said.because.startswith("It need not be better: the settings allow a loss of 10% of what")


def test_what_it_means_in_clicks_and_unsubscribes() -> None:
    unsubscribes = replace(
        overall().unsubscribes,
        baseline=0.005,
        difference=-0.001,
        difference_low=-0.002,
        difference_high=0.0005,
    )
    clicks = Clicks(0.13, 0.001, 0.12, 0.14, 0.11, 0.02, 0.015, 0.025)
    found = evidence(figures=overall(clicks=clicks, unsubscribes=unsubscribes))
    assert headline(found).because == (
        "That is 2,000 more clicks (1,500 to 2,500 more) and 100 fewer unsubscribes (200 fewer to 50 more). "
        "It is in production since this run."
    )
    both = [(one.name, one.own.text(), one.baseline, one.difference.text(True)) for one in meanings(found)]
    assert both == [("clicks", "13,000", 11_000.0, "+2,000"), ("unsubscribes", "400", 500.0, "−100")]
    assert meanings(evidence()) == ()


def test_shares_are_compared_with_production_where_there_is_one() -> None:
    one = overall().overlap["c"]
    found = evidence(figures=overall(overlap={"c": replace(one, production_share=0.4)}), compared_with=FIRST)
    assert [(row.logged, row.now, row.candidate) for row in shares(found)] == [(0.2, 0.4, 0.6)]
    assert [row.now for row in shares(evidence(figures=overall(overlap={"c": one})))] == [0.2]


def test_what_needs_no_model_is_compared_as_well() -> None:
    rows = {row.label: row.amount for row in compared(with_everything())}
    assert list(rows) == [
        "Newsletters as they were sent",
        "Model that it replaces",
        "Only deals & <b>more</b>, the best single one",
        "Each equally often",
        "This model",
        "This model, never exploring",
    ]
    assert rows["Each equally often"].interval() == "6,500 to 7,500"
    # The best of three: 2.39 standard errors instead of 1.96.
    best = rows["Only deals & <b>more</b>, the best single one"]
    assert best.value == 9000.0
    assert best.high == pytest.approx(9000.0 + 1000.0 * 2.393980 / 1.959964)
    assert [row.label for row in singles(with_everything())] == ["deals & <b>more</b>", "c", "Kund'in"]
    assert [row.label for row in compared(evidence())][1] == "This model"


def test_a_worse_model_says_for_whom() -> None:
    bad, good = (difference(value, value - 0.01, value + 0.01) for value in (-0.05, 0.05))
    found = evidence("not_blessed", "not_blessed", {"value": (-0.4, -0.1, "worse")}, overall(difference=bad))
    one = found.metrics.slices["colour=red"]

    def said(*groups: Difference) -> str:
        slices = {f"colour={i}": replace(one, difference=group) for i, group in enumerate(groups)}
        return next_steps(replace(found, metrics=replace(found.metrics, slices=slices)))[0].text

    assert said(bad, bad).startswith("Nearly everybody loses, 2 of 2 groups of users surely.")
    assert said(bad, good).startswith("It is not worse for everybody: colour: 1 gain.")
    unsure = difference(-0.05, -0.5, 0.4)
    assert said(bad, unsure, unsure) == "See who loses, below: colour: 0."


def test_a_model_that_loses_by_exploring_is_told_to_explore_less() -> None:
    bad = overall(
        difference=difference(-0.05, -0.06, -0.04),
        candidate=replace(model_figures(), exploration_cost=COSTLY),
    )
    found = evidence("not_blessed", "not_blessed", {"value": (-0.4, -0.1, "worse")}, bad)
    assert next_steps(found)[0].text == (
        "Let it explore less: it loses 5,000 net clicks per 100,000 newsletters, and exploring alone costs "
        "it 4,000 (3,000 to 5,000). Lower agent.temperature or exploration.epsilon."
    )
    # Half of the newsletters explore, at half of the cost.
    halved = replace(found, decision=replace(decision(rate=0.5), exploration_cost=COSTLY))
    assert served(halved) == (
        "Its exploration is on in 50% of the newsletters: there, the first place is drawn by the model's own "
        "probabilities, and may be the recommender with the best estimate all the same. Exploring costs an "
        "estimated 2,000 net clicks per 100,000 newsletters (1,500 to 2,500)."
    )
    assert served(replace(found, decision=decision("eval_policy", 0.0))).startswith("It never explores")


@pytest.mark.parametrize(
    ("outcome", "because", "command"),
    [
        ("superseded", "another model went into production", "train --again"),
        ("pinned", "Production is pinned", "models unpin"),
    ],
)
def test_a_good_model_that_was_kept_out(outcome: Outcome, because: str, command: str) -> None:
    found = evidence(outcome=outcome)
    said = headline(found)
    assert (said.tone, said.badge) == ("unsure", "Good, but not live")
    assert because in said.because
    assert next_steps(found)[0].command == command


def test_a_worse_model_says_by_how_much() -> None:
    figures = overall(difference=difference(-0.03, -0.04, -0.02))
    found = evidence("not_blessed", "not_blessed", {"value": (-0.4, -0.1, "worse")}, figures, FIRST)
    said = headline(found)
    assert (said.tone, said.badge) == ("bad", "Do not go live")
    assert said.sentence == (
        "This model is measurably worse than allowed: per 100,000 newsletters it earns 3,000 fewer net "
        "clicks than the model in production (−300.0%; 95% interval: 2,000 to 4,000 fewer)."
    )
    assert "What is in use stays in use" in said.because


def test_small_losses_that_add_up_are_told_as_such() -> None:
    failed = {"value against the reference": (-0.3, -0.15, "-0.3 is not >= -0.15 (of what it earns)")}
    said = headline(evidence("not_blessed", "not_blessed", failed, compared_with=FIRST))
    assert said.sentence.startswith("This model is measurably worse than the fixed reference allows")
    assert said.because.startswith("Against what is in use, per 100,000 newsletters it earns 2,000 more")


def test_a_model_that_loses_readers_says_how_many() -> None:
    figures = overall(unsubscribes=Unsubscribes(0.05, 0.01, 0.04, 0.06, 5.25, 0.01, 0.005, 0.02))
    failed = {"unsubscribes": (5.25, 4.0, "surely above it")}
    said = headline(evidence("not_blessed", "not_blessed", failed, figures))
    assert "an estimated 5.25 times as many unsubscribes" in said.sentence
    assert "where 4 times are allowed" in said.sentence
    assert "2,000 more net clicks" in said.because


def test_wrong_propensities_are_the_first_thing_that_is_said() -> None:
    found = wrong_propensities()
    said = headline(found)
    assert (said.tone, said.badge) == ("bad", "Cannot tell: do not go live")
    assert said.sentence == (
        "Nobody can say what this model is worth: recommenders were not sent as often as the log's "
        "propensities say."
    )
    assert said.because.startswith(
        "Kund'in was sent in 50.0% of the newsletters, but by the propensities it should be 33.3%. Every"
    )
    # No gain is promised, and nobody is sent to wait for more rows.
    assert "net clicks" not in said.sentence + said.because
    assert "newsletters in the window would tell" not in steps(found)
    # Off by a half, by a tenth, and by two fifths; a ratio that chance explains is not marked.
    assert [row.recommender for row in sent(found) if row.off] == ["Kund'in", "deals & <b>more</b>", "c"]
    within = replace(found, verdict=evidence().verdict)
    assert not any(row.off for row in sent(within))


def test_propensities_that_only_the_weights_contradict_are_wrong_as_well() -> None:
    found = refused(
        mean_weight_off_1=(0.6, 0.1, "the weights' mean is 0.4: the policy does what was never logged")
    )
    said = headline(found)
    assert (said.badge, said.tone) == ("Cannot tell: do not go live", "bad")
    assert said.sentence.endswith("the log's propensities do not fit what it holds.")
    assert said.because.startswith("The weights' mean is 0.4: the policy does what was never logged. Every")


def test_too_few_rows_say_how_many_are_missing() -> None:
    found = refused(rows=(800.0, 2000.0, "800 is not >= 2000"))
    assert headline(found).sentence == "The log holds too few newsletters to judge this model."
    # 2,000 of 800 rows is 2.5 times the window's 100,000 newsletters, and 2.5 times its 4 weeks.
    assert "About 250,000 newsletters in the window would tell, 2.5 times the 100,000 of today" in steps(
        found
    )
    assert "a window of 10 weeks instead of 4: set window.weeks: 10." in steps(found)


def test_an_interval_across_the_margin_says_how_many_rows_decide() -> None:
    # The excess of 0.01 has an interval of 0.02 to both sides: four times the rows make it half as wide.
    figures = overall(difference=difference(0.0, -0.02, 0.02))
    found = evidence("cannot_tell", "not_blessed", {"value": (-0.2, -0.1, "straddles")}, figures)
    assert "About 400,000 newsletters in the window would tell, 4 times" in steps(found)
    assert "they would say that it can go live" in steps(found)
    worse = overall(difference=difference(-0.02, -0.04, 0.0))
    found = evidence("cannot_tell", "not_blessed", {"value": (-0.4, -0.1, "straddles")}, worse)
    assert "they would say that it is worse" in steps(found)
    # An estimate on its bound is never decided by rows.
    on_it = overall(difference=difference(-0.01, -0.02, 0.0))
    found = evidence("cannot_tell", "not_blessed", {"value": (-0.2, -0.1, "straddles")}, on_it)
    assert "More newsletters alone will not decide" in steps(found)


def test_rows_that_take_too_long_send_to_exploration() -> None:
    found = refused(effective_sample_size=(20.0, 200.0, "20 is not >= 200"))
    said = steps(found)
    assert "that would take 40 weeks, too long to wait" in said
    assert (
        "explore more of what this model would show more often: c (this model 60.0%, the log 20.0%)" in said
    )


def test_a_heavy_weight_says_which_probability_is_needed() -> None:
    said = steps(refused(largest_weight=(900.0, 250.0, "900 is not <= 250")))
    assert "a probability of at least 0.40% (exploration.epsilon)" in said


def test_what_is_live_can_be_taken_back() -> None:
    versions = [version(FIRST), version(SECOND, current=True)]
    commands = [step.command for step in next_steps(evidence(), versions)]
    assert commands == ["predict", "", "serve", "", f"models rollback {FIRST}"]
    assert list(rollbacks(versions)) == [f"models rollback {FIRST}"]
    assert not list(rollbacks([version(FIRST, current=True)]))


def test_a_page_that_is_made_later_says_where_the_model_is_then() -> None:
    replaced = [version(FIRST), version(SECOND), version(THIRD, current=True)]
    said = headline(evidence(), replaced)
    assert (said.tone, said.badge) == ("unsure", "Was live, replaced since")
    assert said.because.endswith(f"It went into production with this run. In production now: {THIRD}.")
    assert [step.command for step in next_steps(evidence(), replaced)] == ["", f"models rollback {SECOND}"]
    # A version that was kept out, and brought in by hand later.
    kept_out = evidence(outcome="pinned")
    assert headline(kept_out, replaced).badge == "Good, but not live"
    live = [version(FIRST), version(SECOND, current=True)]
    assert headline(kept_out, live).because.endswith("It is in production now.")
    # Somebody went back to it from a later one.
    back = [*live, version(THIRD)]
    assert headline(evidence(), back).because.endswith("It is in production now.")
    assert headline(evidence(), live).because.endswith("It is in production since this run.")


def test_many_slices_find_no_false_winner() -> None:
    # 1.96 standard errors are 2.81 for ten intervals that hold together.
    assert bonferroni(0.95, 10) == pytest.approx(2.807034 / 1.959964, rel=1e-6)
    assert bonferroni(0.95, 1) == 1.0
    found = evidence()
    one = replace(found.metrics.slices["colour=red"], difference=difference(0.02, 0.002, 0.038))
    few = replace(found, metrics=replace(found.metrics, slices={"colour=red": one}))
    assert [row.words for row in slices(few)] == ["gains"]
    many = {f"colour={i}": one for i in range(10)}
    assert {row.words for row in slices(replace(found, metrics=replace(found.metrics, slices=many)))} == {
        "cannot tell"
    }


def test_a_check_says_what_is_left_until_its_bound() -> None:
    found = evidence("not_blessed", "not_blessed", {"unsubscribes": (5.25, 4.0, "surely above it")})
    rows, skipped, failed = guards(found)
    assert (rows.figure, rows.bound, rows.left, rows.result) == (
        "20,000",
        "at least 2,000",
        "18,000",
        "holds",
    )
    assert (skipped.figure, skipped.left, skipped.result) == ("", "", "skipped")
    assert (failed.figure, failed.bound, failed.left) == ("5.25 times", "at most 4 times", "−1.25 times")


def test_the_unit_is_explained_as_the_settings_have_it() -> None:
    assert net_clicks(evidence()).endswith("one with an unsubscribe after a click counts −1 instead.")
    always = evidence(reward={"terms": {"clicked": 2.0, "unsubscribed": {"weight": -4.0, "counts": "any"}}})
    assert net_clicks(always).endswith("one with an unsubscribe counts −2 instead.")
    assert "2,000 more net clicks" in headline(evidence(reward={"terms": {"clicked": 1.0}})).sentence
    # A click that counts 2 is one click all the same.
    assert "1,000 more net clicks" in headline(always).sentence


def test_figures_in_words() -> None:
    assert [whole(x, True) for x in (1341.6, -80.2, 0.2, None)] == ["+1,342", "−80", "0", "unknown"]
    assert span(-80.0, 900.0) == "80 fewer to 900 more"
    assert span(-900.0, -80.0) == "80 to 900 fewer"
    assert span(-0.4, 0.3) == "no difference"
    assert span(None, 1.0) == "interval unknown"
    assert (share(0.1234), share(None), plain(1234.5), plain(-0.5)) == ("12.3%", "unknown", "1,234", "−0.5")
    assert not Amount(None).known
    # An estimate may stray from what there can be, and a page does not repeat it.
    assert Amount(-3.0, -900.0, 100_500.0).of_newsletters() == Amount(0.0, 0.0, 100_000.0)
    assert [Amount(1.0, *ends).may_be_chance for ends in ((0.5, 2.0), (-0.5, 2.0), (None, None))] == [
        False,
        True,
        True,
    ]


def test_a_command_is_complete_or_says_what_it_lacks() -> None:
    called = replace(wrong_propensities(), options="--use-case shop.yaml --workdir 'my shop'")
    said = next_steps(called)[-1]
    assert said.command == "ingest training FILE --replace --use-case shop.yaml --workdir 'my shop'"
    unknown = replace(evidence(), options=None)
    assert next_steps(unknown)[0].command == "predict --use-case FILE --environment FILE"
    # A file keeps them, and one of an earlier version has none.
    content = json.loads(called.to_json())
    assert Evidence.nested(Fields(content, "report.json")).options == called.options
    del content["options"]
    assert Evidence.nested(Fields(content, "report.json")).options is None


def test_propensities_are_corrected_where_they_are_made() -> None:
    assert "write that into the column propensity" in steps(wrong_propensities())
    split = {"propensity": {"split": dict.fromkeys(NAMES, 1 / 3)}}
    for table, then in (
        ("training", "Ingest the rows again, then train"),
        ("sends", "build the training table"),
    ):
        use_case = evidence(ingest={table: split}).use_case
        said = steps(replace(wrong_propensities(), use_case=use_case))
        assert f"and correct ingest.{table}.propensity of the settings." in said
        assert then in said
        assert f"ingest {table} FILE --replace" in said


def test_an_unsure_gain_says_how_probable_it_is_and_what_is_sure() -> None:
    clicks = Clicks(0.13, 0.001, 0.12, 0.14, 0.11, 0.0144, 0.0009, 0.02791)
    probable = Difference(0.0134, 0.007, -0.0001, 0.027, -0.0001, 0.027, 0.0144, 0.0009, 0.028)
    figures = overall(difference=probable, clicks=clicks, production=model_figures(value=0.1))
    said = headline(evidence(figures=figures, compared_with=FIRST))
    assert said.badge == "Go live, probably better"
    assert said.sentence == (
        "This model passed every check: it is probably better than the model that it replaces: +1,340 net "
        "clicks per 100,000 newsletters (+13.4%; 95% interval: −10 to +2,700)."
    )
    assert "Clicks are surely more: +1,440 (+90 to +2,791)." in said.because
    assert "nsubscribes are" not in said.because
    assert [one.relative for one in meanings(evidence(figures=figures))] == ["+13.1%", ""]


# Exactly the same, and what rounding leaves of sums that are.
SAME = (
    Difference(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.01, 0.007, 0.013),
    Difference(3.5e-9, 1e-10, 3.3e-9, 3.7e-9, 3.3e-9, 3.7e-9, 0.01, 0.007, 0.013),
)


@pytest.mark.parametrize("same", SAME)
def test_a_model_that_chooses_the_same_says_so(same: Difference) -> None:
    found = evidence(figures=overall(difference=same), compared_with=FIRST)
    said = headline(found)
    assert said.badge == "Go live, the same as before"
    assert said.sentence == (
        "This model passed every check: it makes the same choices as the model that it replaces: no "
        "difference."
    )
    assert relative_gain(found) == ""
    group = replace(found.metrics.slices["colour=red"], difference=same)
    all_alike = replace(found, metrics=replace(found.metrics, slices={"colour=red": group}))
    assert [row.words for row in slices(all_alike)] == ["no difference"]
    told = " ".join(card(all_alike).split())
    assert "Surely better: none. Surely worse: none. No difference: all of them." in told
    assert "it earns as many net clicks as the model that it replaces (95% interval: no difference)." in told
    check = Check("value", -0.02541, -0.1, ">=", True, "a sentence")
    found = replace(found, verdict=replace(found.verdict, checks=(check,)))
    assert "makes the same choices as the other, so nothing is lost" in guards(found)[0].meaning
    assert (Amount(0.0, 0.0, 0.0).doubt, Amount(1.0, -1.0, 2.0).doubt) == (
        ": no difference",
        ": may be chance",
    )


def test_checks_are_in_units_that_people_know() -> None:
    found = evidence()
    unsubscribes = Unsubscribes(0.03, 0.01, 0.02, 0.05, 0.8869, -0.124, -0.14, -0.112)
    checks = (
        Check("value", -0.001265, -0.1, ">=", True, ""),
        Check("clipped weight", 0.031, 0.05, "<=", True, ""),
        Check("unsubscribes", 0.8869, 4.0, "<=", True, ""),
    )
    figures = overall(unsubscribes=unsubscribes)
    found = replace(evidence(figures=figures), verdict=replace(found.verdict, checks=checks))
    value, clipped, ratio = guards(found)
    assert (value.figure, value.bound, value.left) == ("−0.1%", "at least −10%", "9.9%")
    assert (clipped.figure, clipped.bound) == ("3.1%", "at most 5%")
    assert (ratio.figure, ratio.bound) == ("0.8869 times", "at most 4 times")
    # The log's rate is 4%: the upper bound lies 2.8 times that below the cap.
    assert ratio.meaning.endswith("in the log; surely at most 1.2 times")
    wrong = Check("sample ratio", 0.0, 0.0001, ">=", False, "")
    doubtful = Verdict("cannot_tell", FIRST, (checks[2], wrong))
    assert "surely" not in guards(replace(found, verdict=doubtful))[0].meaning
    margin = found.use_case.gate.model_copy(update={"allowed_margin": Loss(reward=0.1)})
    in_reward = replace(found, use_case=found.use_case.model_copy(update={"gate": margin}))
    assert guards(in_reward)[0].bound == "at least −10,000"


def test_a_log_that_begins_late_says_when() -> None:
    found = evidence()
    assert found.log is not None
    late = replace(found, log=replace(found.log, days=(0, 0, *[4000] * 26)))
    assert log_ends(late) == "Your log begins on 14 October, 2 days after the window does."
    assert empty_days(late) == ""
    assert log_ends(replace(found, log=replace(found.log, days=(1, 0, 1)))) == ""


def signed(
    name: str, answer: Answer | None, outcome: PlacementName = "waiting", current: bool = False
) -> VersionInfo:
    """A version with one answer, or none, that was compared with FIRST, which is in production."""
    given = () if answer is None else (SignOff(answer, "<Bob>", AT, "too many deals", FIRST),)
    placement = Placement(outcome, FIRST, FIRST)
    return replace(version(name, current), placement=placement, sign_offs=SignOffs(given), production=FIRST)


AT = dt.datetime(2026, 11, 24, 8, 15, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("own", "others", "badge", "because", "step"),
    [
        (
            signed(SECOND, None),
            [version(FIRST, current=True)],
            "Good, waits for your sign-off",
            "It goes into production when somebody approves it; until then, what is in use stays.",
            f"models approve {SECOND} --note TEXT",
        ),
        (
            signed(SECOND, "rejected"),
            [version(FIRST, current=True)],
            "Rejected: do not go live",
            "It was rejected by <Bob> on 24 Nov 2026: “too many deals” What is in use stays in use.",
            "Nothing: what is in use stays in use, and the next training is judged against that.",
        ),
        (
            replace(signed(SECOND, None), production=THIRD),
            [version(FIRST), version(THIRD, current=True)],
            "Good, but not live",
            "While it waited for its sign-off, another model went into production",
            "train --again",
        ),
        (
            signed(SECOND, "approved", "placed", True),
            [version(FIRST)],
            "Go live",
            "It is in production now, approved by <Bob> on 24 Nov 2026.",
            "predict",
        ),
        (
            signed(SECOND, "rejected", "placed", True),
            [version(FIRST)],
            "Rejected, but live",
            "It is in production, although it was rejected by <Bob> on 24 Nov 2026: “too many deals”",
            "predict",
        ),
        (
            signed(SECOND, "approved", "placed"),
            [version(FIRST), version(THIRD, current=True)],
            "Was live, replaced since",
            f"In production now: {THIRD}.",
            f"models rollback {SECOND}",
        ),
    ],
)
def test_a_model_that_waited_says_what_became_of_it(
    own: VersionInfo, others: list[VersionInfo], badge: str, because: str, step: str
) -> None:
    found, versions = evidence(outcome="waiting"), [*others, own]
    said = headline(found, versions)
    assert (said.badge, because in said.because) == (badge, True), said.because
    told = [f"{each.text} {each.command}" for each in next_steps(found, versions)]
    assert any(step in each for each in told), told


def test_the_sign_off_says_who_when_and_why_or_that_it_waits() -> None:
    found = replace(evidence(outcome="waiting"), options="--workdir shop")
    current = version(FIRST, current=True)
    waits = section(found, [current, signed(SECOND, None)], AT + dt.timedelta(days=2))
    assert waits is not None
    assert waits.sentence == "It has waited for its sign-off for 2 days."
    assert [step.command for step in waits.steps] == [
        f"models {answer} {SECOND} --note TEXT --workdir shop" for answer in ("approve", "reject")
    ]
    killed = section(found, [current, signed(SECOND, "approved")], AT)
    assert killed is not None
    assert "but is not in production yet: the same command again puts it there." in killed.sentence
    done = section(found, [signed(SECOND, "approved", "placed", True)], AT)
    assert done is not None
    assert (done.sentence, done.steps) == ("It was approved by <Bob> on 24 Nov 2026.", ())
    assert vars(done.answers[0]) == {
        "answer": "approved",
        "by": "<Bob>",
        "at": "24 Nov 2026, 08:15 UTC",
        "note": "too many deals",
        "overrode": "",
    }
    live = section(evidence(), [version(SECOND, current=True)], AT)
    assert live is not None
    assert "Nobody has signed it off. The settings do not ask for it" in live.sentence
    assert section(wrong_propensities(), [current], AT) is None


def test_the_history_says_what_was_signed_off() -> None:
    for own, state, words in (
        (signed(SECOND, None), "waits for sign-off", ""),
        (signed(SECOND, "approved", "placed", True), "in production", "approved by <Bob> on 24 Nov 2026"),
        (signed(SECOND, "rejected"), "rejected by <Bob> on 24 Nov 2026", ""),
        (signed(SECOND, None, "pinned"), "kept out by a pin", ""),
    ):
        (row,) = history(evidence(outcome="waiting"), [own])
        assert (row.state, row.signed) == (state, words)
    # Nobody goes back to what was rejected.
    earlier = replace(signed(FIRST, "rejected", "placed"), production=SECOND)
    assert list(rollbacks([earlier, version(SECOND, current=True)])) == []


def test_exploring_costs_as_much_as_it_is_on() -> None:
    found = with_everything()
    half = replace(found, decision=decision(rate=0.5))
    assert exploring(found).changed == pytest.approx(3 * 0.041)
    assert exploring(half).changed == pytest.approx(1.5 * 0.041)
    # Of exploring always it is 1,000 net clicks of 100,000 newsletters.
    assert exploring(found).cost == Amount(1000.0, 0.0, 2000.0)
    assert exploring(half).cost == Amount(500.0, 0.0, 1000.0)
    assert exploring(half).allowed == Amount(2000.0)
    never = exploring(replace(found, decision=decision("eval_policy", 0.0)))
    assert (never.rate, never.changed, never.cost.value) == (0.0, 0.0, 0.0)


def test_a_feature_that_moved_says_what_it_was_and_what_to_look_at() -> None:
    found = replace(evidence(), drift=drift())
    height, colour, member, weight = moved(found)  # the furthest first
    assert [one.name for one in (height, colour, member, weight)] == ["height", "colour", "member", "weight"]
    assert (height.was, height.now) == (
        "median 155, 10% to 90%: 151 to 159",
        "median 1.55, 10% to 90%: 1.51 to 1.59",
    )
    assert height.why == "Jensen-Shannon distance 0.3125, where 0.05 is allowed."
    assert height.advice == "Look if its unit, its source or its default changed."
    assert (colour.was, colour.missing) == ("<red> 65.0%, green 30.0%", "1% → 21%")
    assert colour.others == "new: pink 10.0% (10.0% in all); gone: blue 6.0% (6.0% in all)"
    assert "Find out why the column is empty more often." in colour.advice
    assert "ingest.value_names" in colour.advice
    assert (member.drifted, member.why, member.advice) == (False, "", "")
    assert (weight.drifted, weight.was) == (False, "not a feature of that version")


def test_drift_is_answered_in_a_sentence() -> None:
    found = drift()
    then = f"compared with the rows that {FIRST}, in production, was trained on."
    assert answer(found) == f"2 of 4 features moved by more than the settings allow, {then}"
    assert answer(replace(found, features=found.features[3:])) == (
        f"None of 1 feature moved by more than the settings allow, {then}"
    )
    assert answer(replace(found, judged=False, rows=80)).startswith("Too few rows to tell: 80 training rows")
    assert answer(Drift(None, "no model is in production yet", 80)) == (
        "Nothing to compare with: no model is in production yet."
    )
