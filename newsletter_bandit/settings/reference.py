"""The fixed reference of the gate: what no chain of retrainings may fall far below.

Each retraining may lose a margin against the production of its day, and so a chain of them many margins.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from newsletter_bandit.settings.base import Settings
from newsletter_bandit.settings.margin import Margin


class PublishedReference(Settings):
    """A version of the registry.

    Attributes:
      age_days: the version that was in production so many days ago; the oldest one while none is that old.
      allowed_margin: what may be lost against it; None for `gate.allowed_margin`.
    """

    policy: Literal["published"]
    age_days: int = Field(default=365, ge=1, le=3650)
    allowed_margin: Margin | None = None


class LoggedReference(Settings):
    """The policy that logged the rows.

    Attributes:
      allowed_margin: what may be lost against it; None for `gate.allowed_margin`.
    """

    policy: Literal["logged"]
    allowed_margin: Margin | None = None


Reference = Annotated[PublishedReference | LoggedReference, Field(discriminator="policy")]
