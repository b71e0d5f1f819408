"""A margin is a share, or units of reward."""

from __future__ import annotations

from typing import Any

import pytest

from newsletter_bandit.settings.margin import Loss, parse
from newsletter_bandit.settings.use_case import Gate, UseCase
from tests.tiny import make_use_case


@pytest.mark.parametrize(
    ("written", "found", "of_a_tenth"),
    [
        ("10%", Loss(share=0.1), 0.01),
        ("2.5 %", Loss(share=0.025), 0.0025),
        (0.015, Loss(reward=0.015), 0.015),
        (0, Loss(), 0.0),
    ],
)
def test_shares_and_numbers(written: Any, found: Loss, of_a_tenth: float) -> None:
    assert parse(written) == found
    assert found.of(0.1) == pytest.approx(of_a_tenth)
    assert Gate.model_validate_json(Gate(allowed_margin=found).model_dump_json()).allowed_margin == found


@pytest.mark.parametrize("written", ["10", "100%", "-1%", "ten percent", -0.1, float("inf"), True, None])
def test_anything_else_is_refused_with_both_forms(written: Any) -> None:
    with pytest.raises(
        ValueError, match=r"a share below 100% of what is earned, such as 10%, or units of reward"
    ):
        parse(written)


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("gate.allowed_margin", {"gate": {"allowed_margin": 1.0}}),
        (
            "gate.reference.allowed_margin",
            {"gate": {"reference": {"policy": "logged", "allowed_margin": 1.0}}},
        ),
        ("exploration.max_cost", {"exploration": {"max_cost": 1.0}}),
    ],
)
def test_all_that_a_newsletter_can_earn_is_no_margin(key: str, settings: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=f"{key}: found 1, all that a newsletter can earn; allowed: less than 1"
    ):
        make_use_case(**settings)


def test_a_reference_has_the_margin_of_the_gate_or_its_own() -> None:
    assert Gate().reference_margin == Gate().allowed_margin
    own = Gate(allowed_margin="5%", reference={"policy": "published", "allowed_margin": "20%"})  # type: ignore[arg-type]
    assert own.reference_margin == Loss(share=0.2)
    assert Gate.model_validate_json(own.model_dump_json()) == own
    assert Gate(allowed_margin=Loss(share=0.05), reference=None).reference_margin == Loss(share=0.05)


def test_a_share_travels_with_the_use_case() -> None:
    use_case = make_use_case(gate={"allowed_margin": "7.5%"})
    assert '"allowed_margin":"7.5%"' in use_case.to_json()
    assert UseCase.from_json(use_case.to_json()).gate.allowed_margin == Loss(share=0.075)
