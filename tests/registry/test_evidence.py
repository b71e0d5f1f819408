"""The evidence's files: read back as they were written, old ones too, and what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.registry.evidence import Decision, Explanation, Metrics, Verdict
from newsletter_bandit.registry.evidence.metrics import (
    Clicks,
    Difference,
    FloorGain,
    Reference,
    SliceShare,
    Uniform,
    Unsubscribes,
)
from newsletter_bandit.registry.evidence.record import Record
from tests.evidence_records import (
    NO_FLOOR,
    decision,
    estimate,
    explanation,
    metrics,
    model_figures,
    verdict,
)

FLOOR = FloorGain(0.035, 0.004, 0.001, 0.25)
DIFFERENCE = Difference(0.02, 0.01, 0.0, 0.04, 0.0, 0.04, 0.03, 0.01, 0.05)


def with_clicks() -> Metrics:
    """Metrics with the figures that earlier versions did not have."""
    found = metrics()
    overlap = {"a": replace(found.overall.overlap["a"], production_share=0.25, value=0.2)}
    later = {"baseline": 0.2, "difference": 0.1, "difference_low": 0.05, "difference_high": 0.15}
    changes = {
        "clicks": Clicks(0.3, 0.01, 0.28, 0.32, **later),
        "unsubscribes": Unsubscribes(0.3, 0.01, 0.28, 0.32, 1.5, 0.1, 0.0, 0.2, **later),
        "overlap": overlap,
        "uniform": Uniform(0.1, 0.05, None),
    }
    one = replace(found.slices["colour=red"], shares={"a": SliceShare(0.5, 0.6, None)})
    return replace(found, overall=replace(found.overall, **changes), slices={"colour=red": one})


RECORDS: list[Record] = [
    metrics(),
    metrics(candidate=model_figures(cost=None), production=model_figures(), floor=FLOOR),
    metrics(reference=Reference("v1", DIFFERENCE, estimate(0.2), 0.99, 1.01, 0.03)),
    metrics(reference=Reference("logging policy", DIFFERENCE, None, None, None, None)),
    with_clicks(),
    replace(metrics(), estimated_by=("segment", "country")),
    verdict("blessed"),
    verdict("cannot_tell", "rows", "value"),
    replace(verdict("blessed"), reference="v1"),
    explanation(),
    replace(explanation(), tree=None, users=()),
    decision(),
    decision("serving_policy", 0.5, 0.035),
    replace(decision("eval_policy", 0.0), exploration_cost=estimate(None), floor_gain=FLOOR),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.FILE)
def test_a_record_survives_its_file(tmp_path: Path, record: Record) -> None:
    record.write(tmp_path)
    assert type(record).read(tmp_path) == record
    assert type(record).from_json(record.to_json()) == record
    assert [path.name for path in tmp_path.iterdir()] == [record.FILE]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.FILE)
def test_a_file_without_a_format_is_one_from_before_formats_were_counted(
    tmp_path: Path, record: Record
) -> None:
    content = json.loads(record.to_json())
    assert content.pop("format") == 1
    (tmp_path / record.FILE).write_text(json.dumps(content))
    assert type(record).read(tmp_path) == record


def test_files_from_before_there_was_a_reference_are_read() -> None:
    content = metrics(production=model_figures()).content()
    del content["overall"]["reference"]
    assert Metrics.from_json(json.dumps(content)) == metrics(production=model_figures())
    assert "reference" not in verdict("blessed").content()


def test_how_often_exploring_changes_the_first_place_is_the_sum_over_the_recommenders() -> None:
    found = metrics()
    assert found.overall.explored_share is None  # as in files of earlier versions
    content = found.content()
    for one in content["overall"]["overlap"].values():
        del one["explored_share"]
    assert Metrics.from_json(json.dumps(content)) == found
    overlap = {
        name: replace(one, explored_share=share)
        for (name, one), share in zip(found.overall.overlap.items(), (0.03, 0.05), strict=True)
    }
    assert replace(found.overall, overlap=overlap).explored_share == pytest.approx(0.08)


def test_rules_within_rules_end(tmp_path: Path) -> None:
    content = explanation().content()
    for _ in range(10):
        content["tree"]["rule"]["no"] = {**content["tree"]["rule"]}
    with pytest.raises(DataError, match=r"explanation\.json: rules within rules; allowed: at most 10 levels"):
        Explanation.from_json(json.dumps(content))


@pytest.mark.parametrize("kind", [Metrics, Verdict, Decision, Explanation])
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "found list; allowed: a JSON object"),
        ("{}", "no field [a-z_]+; allowed: "),
        (
            '{"format": 2}',
            r"format is 2; allowed: 1, or none\. Read it with the version of newsletter-bandit",
        ),
        ('{"format": "1"}', "format is '1'; allowed: a whole number"),
        ('{"format": true}', "format is True; allowed: a whole number"),
    ],
)
def test_what_is_no_evidence_is_refused_by_name(
    tmp_path: Path, kind: type[Record], text: str, found: str
) -> None:
    path = tmp_path / kind.FILE
    path.write_text(text)
    with pytest.raises(DataError, match=f"^{path}: {found}"):
        kind.read(tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"/verdict\.json: cannot be read: No such file"):
        Verdict.read(tmp_path)


def test_the_fields_of_a_decision_are_the_contract() -> None:
    assert list(json.loads(decision().to_json())) == [
        "format",
        "policy",
        "exploration_rate",
        "score_floor",
        "expires_after_days",
        "reasons",
        "exploration_cost",
        "max_cost",
        "min_rate",
        "floor_gain",
    ]


CHECK = {"name": "rows", "figure": 1.0, "bound": 1.0, "relation": ">=", "passed": True, "detail": ""}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"compared_with": None}, "compared_with is None; allowed: a text"),
        ({"verdict": "maybe"}, "verdict is 'maybe'; allowed: blessed, not_blessed, cannot_tell"),
        ({"checks": {}}, "checks is {}; allowed: a list of objects"),
        ({"checks": [{"colour": 1}]}, r"no field checks\[0\]\.name; allowed: a text"),
        (
            {"checks": [CHECK, CHECK | {"figure": "many"}]},
            r"checks\[1\]\.figure is 'many'; allowed: a finite",
        ),
        ({"checks": [CHECK | {"relation": "=="}]}, r"checks\[0\]\.relation is '=='; allowed: >=, <="),
        ({"checks": [CHECK | {"passed": 1}]}, r"checks\[0\]\.passed is 1; allowed: true or false"),
    ],
)
def test_verdicts_that_are_none(changes: dict[str, Any], message: str) -> None:
    content = {**verdict().content(), **changes}
    with pytest.raises(DataError, match=rf"^evaluation/verdict\.json: {message}"):
        Verdict.from_json(json.dumps(content), "evaluation/verdict.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"policy": "best_policy"}, "policy is 'best_policy'; allowed: serving_policy, eval_policy"),
        ({"exploration_rate": None}, "exploration_rate is None; allowed: a finite number"),
        ({"expires_after_days": 8.5}, "expires_after_days is 8.5; allowed: a whole number"),
        ({"reasons": "because"}, "reasons is 'because'; allowed: a list of texts"),
        ({"floor_gain": {}}, "no field floor_gain.floor; allowed: a finite number or null"),
    ],
)
def test_decisions_that_are_none(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=rf"^decision\.json: {message}"):
        Decision.from_json(json.dumps({**decision().content(), **changes}))


def changed(block: str, name: str, value: Any) -> str:
    content = metrics().content()
    content["overall"][block][name] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("block", "name", "value", "found"),
    [
        ("candidate", "exploration_cost", "0.1", "'0.1'"),
        ("candidate", "exploration_cost", True, "True"),
        ("candidate", "exploration_cost/low", math.nan, "nan"),
        ("candidate", "serving_policy/dr/high", math.inf, "inf"),
        ("candidate", "eval_policy/mean_weight", [], r"\[\]"),
        ("score_floor", "value", "low", "'low'"),
    ],
)
def test_figures_that_are_no_numbers_are_named(block: str, name: str, value: Any, found: str) -> None:
    with pytest.raises(
        DataError, match=rf"^metrics\.json: overall\.{block}\.{name} is {found}; allowed: a fin"
    ):
        Metrics.from_json(changed(block, name, value))


@pytest.mark.parametrize(
    ("block", "name"),
    [
        ("candidate", "exploration_cost"),
        ("candidate", "exploration_cost/standard_error"),
        ("candidate", "serving_policy/dr/low"),
        ("candidate", "auc"),
        ("difference", "lower_bound"),
        ("score_floor", "value"),
    ],
)
def test_missing_figures_are_named(block: str, name: str) -> None:
    content = metrics().content()
    del content["overall"][block][name]
    with pytest.raises(
        DataError, match=rf"^metrics\.json: no field overall\.{block}\.{name}; allowed: a fin"
    ):
        Metrics.from_json(json.dumps(content))


def test_metrics_of_an_earlier_version_do_not_tell_unsubscribes_apart() -> None:
    content = metrics().content()
    assert Metrics.from_json(json.dumps(content)).overall.logging_policy.unsubscribe_after_click_rate == 0.03
    del content["overall"]["logging_policy"]["unsubscribe_after_click_rate"]
    assert Metrics.from_json(json.dumps(content)).overall.logging_policy.unsubscribe_after_click_rate is None


def test_a_missing_block_is_named() -> None:
    content = metrics().content()
    del content["overall"]["candidate"]
    with pytest.raises(DataError, match=r"^metrics\.json: no field overall\.candidate; allowed: an object"):
        Metrics.from_json(json.dumps(content))


def test_numbers_in_files_are_finite() -> None:
    odd = replace(decision(), floor_gain=replace(NO_FLOOR, gain=math.nan))
    with pytest.raises(ValueError, match="not JSON compliant"):
        odd.to_json()
