"""Building blocks of every settings class."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Matching:
    """A text of a form; it is refused in words, as nobody should have to read a pattern.

    Attributes:
      pattern: regular expression of the whole text.
      words: the form in words.
    """

    pattern: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The text's own schema, then the check."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The pattern and its words, for whoever checks a file with a JSON Schema."""
        return {**handler(schema), "pattern": f"^{self.pattern}$", "description": self.words}

    def _checked(self, value: str) -> str:
        if re.fullmatch(self.pattern, value) is None:
            raise ValueError(f"found {found(value)}; allowed: {self.words}")
        return value


def found(value: Any) -> str:
    """A value as a file of settings would hold it, cut where it is long."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


_MOST_SHOWN = 120  # characters of a value that was found

Identifier = Annotated[
    str,
    Matching(
        r"[A-Za-z_][A-Za-z0-9_]{0,127}",
        "a name of letters without accents, digits and underscores that does not begin with a digit, at "
        "most 128 of them",
    ),
]
# Names of a use case or an environment, which stand in the names of files, pipelines and cloud resources.
PlainName = Annotated[
    str,
    Matching(
        r"[a-z0-9][a-z0-9-]{0,39}",
        "small letters without accents, digits and hyphens, at most 40, a letter or digit first",
    ),
]

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Settings(BaseModel):
    """Base of every settings class: it refuses unknown keys, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
