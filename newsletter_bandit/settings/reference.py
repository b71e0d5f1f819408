"""The fixed reference of the gate: what no chain of retrainings may fall far below.

Each retraining may lose a margin against the production of its day, and so a chain of them many margins.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from newsletter_bandit.settings.base import Settings
from newsletter_bandit.settings.margin import Margin


class _Judged(Settings):
    """How a candidate is judged against the reference.

    Attributes:
      allowed_margin: what may be lost against it; None for `gate.allowed_margin`.
      when_unsure: what follows if the log cannot tell whether more is lost: "publish" what holds against
        production, or "wait", which is the verdict "cannot tell".
    """

    allowed_margin: Margin | None = None
    when_unsure: Literal["publish", "wait"] = "publish"


class PublishedReference(_Judged):
    """A version of the registry.

    Attributes:
      age_days: the version that was in production so many days ago; the oldest one while none is that old.
    """

    policy: Literal["published"]
    age_days: int = Field(default=365, ge=1, le=3650)


class LoggedReference(_Judged):
    """The policy that logged the rows."""

    policy: Literal["logged"]


Reference = Annotated[PublishedReference | LoggedReference, Field(discriminator="policy")]
