"""Building blocks of every settings class."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Settings(BaseModel):
    """Base of every settings class: it refuses unknown keys, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
