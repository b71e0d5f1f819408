"""The second training of a blessed model, on all rows.

refit: all_rows                                                               # with the default bounds
refit: {rows: all_rows, min_agreement: 0.8, max_estimate_difference: 15%}
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from newsletter_bandit.settings.base import Probability, Settings
from newsletter_bandit.settings.margin import Loss, Margin

_NONE: Final = "none"
_ALL: Final = "all_rows"


class Refit(Settings):
    """A second training, on the held-out users' newsletters as well, after the gate has blessed a model.

    Nothing judges the second model, so it takes the judged one's place only if the two agree.

    Attributes:
      rows: "all_rows" trains again on all of the window, but for the held-out newsletters by which the next
        window judges; "none" publishes the judged model.
      min_agreement: least share of the held-out users for whom both make the same first choice.
      max_estimate_difference: largest mean difference of their estimates of the judged model's first choices:
        a share of what it expects of these, or units of reward.
    """

    rows: Literal["none", "all_rows"] = _NONE
    min_agreement: Probability = 0.5
    max_estimate_difference: Margin = Loss(share=0.3)

    @model_validator(mode="before")
    @classmethod
    def _rows_alone(cls, value: Any) -> Any:
        return {"rows": value} if isinstance(value, str) else value

    @property
    def wanted(self) -> bool:
        """There is a second training."""
        return self.rows == _ALL


class OrRows:
    """Lets a JSON Schema take the rows alone, as `Refit` does."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"enum": [_NONE, _ALL]}, handler(schema)]}
