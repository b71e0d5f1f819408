"""A margin that the window does not earn is refused before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.warehouse.arms import ArmSummary
from newsletter_bandit.warehouse.margins import require_margins
from tests.tiny import make_use_case

# A newsletter earns .0081: 1,000 at .0105 and 3,000 at .0073.
ARMS = [
    ArmSummary("a", 1_000, 0.0105, 0.0, 0.0, 0.0105),
    ArmSummary("b", 3_000, 0.0073, 0.0, 0.0, 0.0073),
    ArmSummary("c", 0, None, None, None, None),
]


@pytest.mark.parametrize(
    "key", ["gate.allowed_margin", "gate.reference.allowed_margin", "exploration.max_cost"]
)
def test_a_margin_of_all_that_is_earned_is_refused(key: str) -> None:
    def use_case(margin: float) -> Any:
        gate: dict[str, Any] = {"allowed_margin": "10%"}
        exploration: dict[str, Any] = {"max_cost": "15%"}
        reference = {"policy": "published", "allowed_margin": margin}
        if key == "gate.allowed_margin":
            gate["allowed_margin"] = margin
        elif key == "exploration.max_cost":
            exploration["max_cost"] = margin
        else:
            gate["reference"] = reference
        return make_use_case(gate=gate, exploration=exploration)

    require_margins(use_case(0.008), ARMS)
    words = f"{key}: found 0.01, but a newsletter of the window earns 0.0081; allowed: less than that"
    with pytest.raises(SettingsError, match=words):
        require_margins(use_case(0.01), ARMS)
    require_margins(use_case(0.01), ARMS[2:])


def test_a_share_always_fits() -> None:
    losing = [ArmSummary("a", 10, 0.0, 0.0, 0.0, -0.5)]
    require_margins(make_use_case(gate={"allowed_margin": "10%"}, exploration={"max_cost": "99%"}), losing)
