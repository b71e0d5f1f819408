"""Names that a settings file holds: of columns, of tables, and of recommenders, as people write them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

MAX_NAME_BYTES = 63


def _text(value: Any) -> Any:
    """Refuses what YAML reads as something else than the text that was meant."""
    if isinstance(value, bool):
        word = str(value).lower()
        raise ValueError(
            f"found {word}, which is no text (YAML reads yes, no, on and off as true and false); quote "
            f'it, as in "{word}"'
        )
    if isinstance(value, (int, float)):
        raise ValueError(f'found the number {value}; allowed: text; quote it, as in "{value}"')
    if value is not None and not isinstance(value, (str, list, dict, tuple)):
        raise ValueError(f'found {value}, which YAML does not read as text; quote it, as in "{value}"')
    return value


def _name(value: str) -> str:
    allowed = (
        f"a name of 1 to {MAX_NAME_BYTES} bytes of UTF-8 in printable characters, without a bar (|) and "
        "without blanks at its ends"
    )
    size = len(value.encode("utf-8", errors="replace"))
    if not value or size > MAX_NAME_BYTES:
        raise ValueError(f"found {value!r}, {size} bytes; allowed: {allowed}")
    if not value.isprintable() or value != value.strip() or "|" in value:
        raise ValueError(f"found {value!r}; allowed: {allowed}")
    return value


# A text that may look like a number: a bare 1 in YAML is refused with the advice to quote it.
QuotedText = Annotated[str, BeforeValidator(_text)]
# The bar separates the names of a list in a CSV.
RecommenderName = Annotated[QuotedText, AfterValidator(_name)]
