"""The page as a file: what it says, and what it never holds."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.registry.evidence import Drift, Refitted
from newsletter_bandit.registry.evidence.metrics import SliceShare
from newsletter_bandit.reports import Evidence, page
from tests.evidence_records import explanation
from tests.reports.made import (
    FIRST,
    NAMES,
    SECOND,
    difference,
    evidence,
    overall,
    refused,
    version,
    with_everything,
    wrong_propensities,
)
from tests.reports.parsed import Parsed, require_self_contained

RUNS = (with_everything(), refused(rows=(800.0, 2000.0, "800 is not >= 2000")), wrong_propensities())


@pytest.mark.parametrize("found", RUNS, ids=("blessed", "cannot tell", "wrong propensities"))
def test_a_page_is_one_small_file_that_refers_to_nothing(found: Evidence) -> None:
    text = page(
        found, [version(FIRST), version(SECOND, current=True)], dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    )
    require_self_contained(text)


def test_a_page_of_estimated_propensities_says_so_wherever_it_shows_a_figure() -> None:
    found = with_everything()
    estimated = replace(found, metrics=replace(found.metrics, estimated_by=("segment", "tier <b>")))
    evidence_ = {"metrics": estimated.metrics, "verdict": estimated.verdict}
    parsed = Parsed(page(estimated, [replace(version(SECOND, current=True), **evidence_)]))
    assert (
        "Estimated: nobody logged with which probability each recommender was chosen, so it was"
        in parsed.text
    )
    assert (
        "estimated by segment, tier <b>. Every figure holds only if that is all that decided" in parsed.text
    )
    assert "All of them rest on estimated probabilities." in parsed.text
    assert "Is the data right? Nobody knows." in parsed.text
    said = "Estimated: these figures rest on probabilities that were estimated by segment, tier <b>."
    assert parsed.text.count(said) == 4
    assert "With which estimated probability they were chosen" in parsed.text
    assert sum(cell.endswith(", estimated propensities") for row in parsed.cells for cell in row) == 2
    assert estimated.summary()["propensities"] == "ESTIMATED by segment, tier <b>"
    assert "stimated" not in Parsed(page(with_everything())).text.replace("an estimated", "")


def test_a_page_says_whether_what_is_served_was_judged() -> None:
    found = with_everything()
    assert "Refit:" not in page(found)
    assert "refit" not in found.summary()
    compared = replace(found, refit=Refitted("taken", "", 57_000, 9_000, 4_000, 0.91, 0.7, 0.009, 0.04))
    text = Parsed(page(compared)).text
    assert "Refit: on 57,000 rows, 9,000 of them held out, agrees with the judged model on 91.0%" in text
    assert "The figures of this page are those of the judged model." in text
    assert compared.summary()["refit"] == "taken"
    assert Evidence.from_json(compared.to_json()) == compared


def test_the_figures_are_those_of_the_evidence() -> None:
    found = evidence()
    parsed = Parsed(page(found, [version(SECOND, current=True)]))
    # Value, gain and unsubscribes per 100,000 newsletters, with their intervals.
    for said in (
        "12,000 11,000 to 13,000 per 100,000 newsletters. The newsletters as they were sent: 1,000.",
        "+2,000 +1,500 to +2,540 net clicks per 100,000 newsletters, compared with the newsletters as they "
        "were sent: +200.0%.",
        "400 300 to 500 per 100,000 newsletters. The newsletters as they were sent: 4,000.",
        "Recommenders were sent as often as their propensities say (sample-ratio test: p = 0.4)",
        "Window 12 Oct to 8 Nov 2026",
        "Newsletters in it 100,000 Of these, with a click 10.00% Of these, with an unsubscribe 0.50%",
        "Kept apart to judge by 20,000 Of those, with a click 5.00% Of those, with an unsubscribe",
        "loaded last by ingest , 2026-11-23 09:00 UTC: 100,010 rows read, 100,000 taken, 3 there already, "
        "7 left out.",
        "Your log ends on 6 November, 2 days before the window does. Gaps: no newsletters on 22 October.",
    ):
        assert said in parsed.text, said
    cells = [[" ".join(cell.split()) for cell in row] for row in parsed.cells]
    assert ["c", "20,000", "20.0%", "20.0%", "1.00 times"] in cells
    assert ["c", "20.0%", "60.0%", "500"] in cells
    assert ["propensity: out of <range>", "7"] in cells
    bins = [row for row in cells if row[0].endswith("%") and len(row) == 2]
    assert bins == [
        ["25.0% to 50.0%", "60,000"],
        ["12.5% to 25.0%", "39,999"],
        ["6.2% to 12.5%", "0"],
        ["3.1% to 6.2%", "1"],
    ]
    assert ["This model", "12,000", "11,000 to 13,000"] in cells
    assert ["IPS", "This model", "12,000", "11,000 to 13,000"] in cells
    assert ["colour: red", "500", "+1,000", "0 to +2,000", "cannot tell"] in cells


def test_every_command_of_the_page_is_complete() -> None:
    versions = [version(FIRST), version(SECOND, current=True)]
    text = Parsed(page(replace(evidence(), options="--workdir shop"), versions)).text
    assert text.count(f"newsletter-bandit models rollback {FIRST} --workdir shop") == 2
    assert "newsletter-bandit predict --workdir shop" in text


def test_what_may_be_chance_is_said_to_be() -> None:
    parsed = Parsed(page(with_everything()))
    assert "may be chance" not in parsed.text
    unsure = replace(with_everything().metrics.overall, difference=difference(0.001, -0.004, 0.006))
    found = replace(with_everything(), metrics=replace(with_everything().metrics, overall=unsure))
    assert Parsed(page(found)).text.count("+100 −400 to +600: may be chance") == 1


def test_names_are_never_markup() -> None:
    text = page(replace(evidence(), use_case=evidence().use_case.model_copy(update={"name": "shop-1"})))
    assert "<b>more</b>" not in text
    parsed = Parsed(text)
    rows = [row[0].strip() for row in parsed.cells if row]
    assert all(name in rows for name in NAMES)
    # In a figure as well, dollar signs and all.
    dollars = evidence(figures=overall(overlap={"$a$ <i>": overall().overlap["c"]}))
    assert "$a$ <i>" in Parsed(page(dollars)).texts


def test_nothing_is_promised_where_the_log_contradicts_itself() -> None:
    parsed = Parsed(page(wrong_propensities()))
    assert parsed.text.index("Cannot tell: do not go live") < 200
    assert "No: recommenders were not sent as often as the log's propensities say." in parsed.text
    assert parsed.text.count("Do not use these figures.") == 2
    assert ("section", {"class": "cards", "aria-label": "Per 100,000 newsletters"}) not in parsed.elements


def test_who_gets_what_and_on_what_evidence() -> None:
    found = evidence()
    shares = {"c": SliceShare(0.2, 0.6, 0.3), NAMES[1]: SliceShare(0.01, 0.1, None)}
    one = replace(found.metrics.slices["colour=red"], shares=shares)
    parsed = Parsed(page(replace(found, metrics=replace(found.metrics, slices={"colour=red": one}))))
    cells = [[" ".join(cell.split()) for cell in row] for row in parsed.cells]
    # The columns are in the order of the model's shares; of the third it shows next to nothing here.
    assert ["Users", "c", "Kund'in", "deals & <b>more</b>"] in cells
    assert ["colour: red", "60.0% 100", "–", "10.0% 5 untested"] in cells
    assert "Who gets what" not in Parsed(page(found)).text


def test_a_thousand_recommenders_and_slices_fit() -> None:
    names = [f"recommender {i}" for i in range(1000)]
    overlap = {name: replace(overall().overlap["c"], serving_policy_share=0.001) for name in names}
    found = evidence(figures=overall(overlap=overlap))
    slices = {f"category={i}": found.metrics.slices["colour=red"] for i in range(1000)}
    text = page(replace(found, metrics=replace(found.metrics, slices=slices)))
    assert len(text.encode()) < 1_500_000
    assert "recommender 999" in text
    assert "category: 999" in text


def test_an_untested_recommender_is_marked() -> None:
    overlap = dict(overall().overlap)
    overlap["c"] = replace(overlap["c"], logged_share=0.0, sample_ratio=None)
    parsed = Parsed(page(evidence(figures=overall(overlap=overlap))))
    assert (
        "untested No newsletter of the log shows c. What users get from it was judged by nobody."
        in parsed.text
    )
    assert [row[0].split() for row in parsed.cells if row and "untested" in row[0]] == [["c", "untested"]]


def test_why_it_chooses_so_in_words_and_numbers() -> None:
    found = with_everything()
    parsed = Parsed(page(found))
    cells = [[" ".join(cell.split()) for cell in row] for row in parsed.cells]
    # The dearest first, at the confidence of all three together: 1.22 times as wide.
    assert [row for row in cells if row[0] in ("colour", "height", "weight")] == [
        ["colour", "5,000", "3,779 to 6,221", "50.0%", "helps"],
        ["height", "500", "−721 to 1,721", "20.0%", "cannot tell"],
        ["weight", "0", "0 to 0", "0.0%", "not used"],
    ]
    for said in (
        "in 1,000 of the newsletters that were kept apart to judge by",
        "Left out, because nothing can be exchanged: member.",
        "In 300 newsletters to other users than those who taught them, they name it in 84.0% . Always naming "
        "the most frequent one would in 41.0%.",
        "If colour is red: a 300 newsletters, 95% of them so Else, colour is not red 700 newsletters",
        "If height is at most 180, or missing: c 400 newsletters, 80% of them so Else, height is more than "
        "180: b 300 newsletters, 90% of them so",
        "User 1 c 12,000 a 10,000 b −200 With a typical value of one feature, another would be first: colour "
        "red instead of blue: a height 170 instead of missing: b Features colour blue height missing weight "
        "3,400 member missing",
        "User 2 c 12,000 a 10,000 b −200 No feature alone moved this choice.",
        "First places that it changes 12.3%",
    ):
        assert said in parsed.text, said
    assert "Do not believe these rules" not in parsed.text
    assert "user-" not in parsed.text


@pytest.mark.parametrize(
    ("agreement", "most_frequent", "why"),
    [
        (0.69, 0.41, "finer than so few questions; 70% would have to agree"),
        (0.93, 0.93, "do no better than naming one and the same recommender"),
    ],
)
def test_a_tree_that_agrees_too_seldom_is_not_to_be_believed(
    agreement: float, most_frequent: float, why: str
) -> None:
    found = with_everything()
    assert found.explanation is not None
    assert found.explanation.tree is not None
    tree = replace(found.explanation.tree, agreement=agreement, most_frequent=most_frequent)
    text = Parsed(page(replace(found, explanation=replace(found.explanation, tree=tree)))).text
    assert f"Do not believe these rules. {'The' if agreement < 0.7 else 'Its'}" in text
    assert why in text


def test_what_an_agent_knows_of_recommenders_is_named_and_left_out() -> None:
    features = {name: {"price": 1.0, "kind": "x"} for name in NAMES}
    agent = {"type": "recommender_features", "hidden_layers": [8]}
    found = evidence(recommender_features=features, agent=agent)
    text = Parsed(page(replace(found, explanation=explanation()))).text
    assert "knows something of each recommender: price, kind. That is the same for every user" in text


def test_a_feature_that_moved_is_named_with_what_it_was_and_is() -> None:
    parsed = Parsed(page(with_everything()))
    assert "How far the features moved 2 of 4 features moved by more than the settings allow" in parsed.text
    told = (
        "height: Jensen-Shannon distance 0.3125, where 0.05 is allowed. Look if its unit, its source or its "
        "default changed. Was: median 155, 10% to 90%: 151 to 159. Is: median 1.55, 10% to 90%: 1.51 to 1.59."
    )
    assert told in parsed.text
    table = {row[0].split()[0]: row[1:] for row in parsed.cells if len(row) == 5 and "was:" in row[0]}
    table = {name.removesuffix("was:"): cells for name, cells in table.items()}
    assert [cell.strip() for cell in table["colour"]] == ["1% → 21%", "0.2", "0.1", "✕ drifted"]
    assert [cell.strip() for cell in table["member"]] == ["0% → 0%", "0.01", "0.1", "–"]
    assert ("svg", "How far each feature moved, in parts of what is allowed") in [
        (tag, attributes.get("aria-label")) for tag, attributes in parsed.elements
    ]
    # The first run, and a run of an earlier version.
    first = replace(evidence(), drift=Drift(None, "no model is in production yet", 80_000))
    assert "Nothing to compare with: no model is in production yet." in Parsed(page(first)).text
    assert "How far the features moved" not in page(evidence())


def test_evidence_of_an_earlier_version_has_a_page_too() -> None:
    overlap = {name: replace(one, sample_ratio=None) for name, one in overall().overlap.items()}
    old = replace(
        evidence(figures=overall(sample_ratio=None, overlap=overlap)), run_date=None, window=None, log=None
    )
    parsed = Parsed(page(old))
    assert "Nobody tested if recommenders were sent as often as their propensities say." in parsed.text
    assert "Window" not in parsed.text
    assert "History" not in parsed.text
    assert "Nobody asked this model for its reasons" in parsed.text
    assert "First places that it changes" not in parsed.text
    content = old.content()
    del content["explanation"]
    assert Evidence.from_json(json.dumps(content)) == old


def test_evidence_survives_its_file() -> None:
    for found in RUNS:
        assert Evidence.from_json(found.to_json()) == found
    assert replace(evidence(), window=None, run_date=None, log=None).newsletters is None
    content = json.loads(with_everything().to_json())
    del content["drift"]  # as earlier versions wrote it
    assert Evidence.from_json(json.dumps(content)) == replace(with_everything(), drift=None)
    content = json.loads(evidence().to_json())
    content["window"] = ["2026-10-12"]
    with pytest.raises(DataError, match="window has 1 days; allowed: the first, and the day after the last"):
        Evidence.from_json(json.dumps(content))
    content["run_date"] = "yesterday"
    with pytest.raises(DataError, match="run_date is 'yesterday'; allowed: a day"):
        Evidence.from_json(json.dumps(content))
    content["metrics"]["format"] = 2
    with pytest.raises(DataError, match="format is 2; allowed: 1"):
        Evidence.from_json(json.dumps(content))


def test_the_same_evidence_gives_the_same_page() -> None:
    assert page(evidence()) == page(evidence())


def test_a_page_needs_no_tensorflow() -> None:
    program = (
        "import sys; from newsletter_bandit.reports import Evidence, page; "
        "page(Evidence.from_json(sys.stdin.read())); "
        "sys.exit(str(sorted({'tensorflow', 'tfx', 'apache_beam'} & set(sys.modules)) or ''))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=evidence().to_json(),
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) in ((0, ""), (1, "\n")), done.stderr
