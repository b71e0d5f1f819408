"""The second training: a text alone, or a block with its bounds."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from newsletter_bandit.settings.faults import faults
from newsletter_bandit.settings.margin import Loss
from newsletter_bandit.settings.refit import Refit
from newsletter_bandit.settings.use_case import UseCase
from tests.tiny import make_use_case


@pytest.mark.parametrize("given", ["all_rows", {"rows": "all_rows"}])
def test_a_text_alone_names_the_rows(given: Any) -> None:
    found = make_use_case(refit=given).refit
    assert found == Refit(rows="all_rows", min_agreement=0.5, max_estimate_difference=Loss(share=0.3))
    assert found.wanted
    assert not make_use_case().refit.wanted


def test_it_travels_as_json() -> None:
    bounds = {"rows": "all_rows", "min_agreement": 0.9, "max_estimate_difference": 0.01}
    use_case = make_use_case(refit=bounds)
    assert UseCase.from_json(use_case.to_json()) == use_case
    assert use_case.refit.max_estimate_difference == Loss(reward=0.01)


def test_beside_constraints_it_is_refused() -> None:
    held = [{"term": "unsubscribed", "at_most": 1.5, "of": "logging_policy"}]
    assert make_use_case(constraints=held).constraints
    with pytest.raises(ValidationError, match="refit: found all_rows beside constraints; allowed: none"):
        make_use_case(constraints=held, refit="all_rows")


@pytest.mark.parametrize(
    ("given", "key", "words"),
    [
        ("everything", "refit.rows", 'found "everything"; allowed: none or all_rows'),
        ({"rows": "all_rows", "min_agrement": 1}, "refit.min_agrement", "did you mean min_agreement"),
        ({"min_agreement": 2}, "refit.min_agreement", "found 2; allowed: a number, at least 0 and at most 1"),
        (3, "refit", "found 3; allowed: a mapping with the keys rows, min_agreement"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(given: Any, key: str, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        make_use_case(refit=given)
    (fault,) = faults(refused.value, UseCase)
    assert fault.key == key
    assert words in fault.words
