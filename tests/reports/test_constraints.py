"""What a report and a terminal say of constraints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from newsletter_bandit.registry.evidence import Metrics, VerdictName
from newsletter_bandit.registry.evidence.metrics import LimitFigures
from newsletter_bandit.reports import Evidence, page
from newsletter_bandit.reports.judgement import headline
from newsletter_bandit.reports.next_steps import next_steps
from newsletter_bandit.reports.sections.constraints import constraints
from newsletter_bandit.reports.sections.guardrails import guards
from tests.evidence_records import constraints as found_constraints
from tests.reports.made import evidence, overall
from tests.reports.parsed import Parsed

CAP, LEAST = "unsubscribed at most 1.5 times the log", "share of c at least 2%"
SETTINGS = [
    {"term": "unsubscribed", "at_most": 1.5, "of": "logging_policy"},
    {"recommender": "c", "share_at_least": 0.02},
]


def made(verdict: VerdictName = "blessed", holds: bool = True, detail: str = "") -> Evidence:
    limits = {CAP: LimitFigures(1.2, -0.004, -0.001), LEAST: LimitFigures(0.05, -0.03, -0.03)}
    outcome = "published" if verdict == "blessed" else "not_blessed"
    failed = {CAP: (1.2, 1.5, detail)} if detail else None
    run = evidence(verdict, outcome, failed, overall(limits=limits), constraints=SETTINGS)
    return replace(run, metrics=replace(run.metrics, constraints=found_constraints(holds)))


def test_the_section_and_the_file_that_it_rests_on() -> None:
    run = made()
    cap, least = constraints(run)
    assert (cap.name, cap.found, cap.free, cap.cost) == (CAP, "1.2 times", "3.1 times", "200")
    assert [(step.figure, step.value) for step in cap.frontier if step.chosen] == [("1.2 times", "7,800")]
    assert (least.found, least.cost, least.frontier) == ("5%", "0", ())
    assert Metrics.from_json(run.metrics.to_json()) == run.metrics
    shown = Parsed(page(run)).text
    assert "What the constraints cost" in shown
    assert "4,000 of the training rows" in shown
    # Without constraints there is no such section, and the file is what it was.
    plain = evidence()
    assert constraints(plain) == []
    assert "What the constraints cost" not in Parsed(page(plain)).text
    assert not {"constraints", "limits"} & {*plain.metrics.body(), *plain.metrics.overall.body()}


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (
            "not_blessed",
            "This model breaks a constraint: unsubscribed at most 1.5 times the log, surely above",
        ),
        ("cannot_tell", "The log cannot say yet if this model holds its constraints."),
    ],
)
def test_a_bound_that_is_not_held_is_the_headline(verdict: VerdictName, words: str) -> None:
    run = made(verdict, holds=False, detail="surely above")
    assert words in headline(run, ()).sentence
    assert any(row.failed for row in constraints(run))
    if verdict == "not_blessed":
        assert "What the constraints cost" in next_steps(run)[0].text
    (guard,) = (row for row in guards(run) if row.detail == "surely above")
    assert guard.figure == "1.2 times"
