"""Commands whose options are the fields of a dataclass, each with its flag and help beside it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_type_hints

_T = TypeVar("_T")


def taking(options: type[_T]) -> Callable[[Callable[[_T], None]], Callable[..., None]]:
    """Decorates a function of one ``options`` object, so that typer sees a parameter per field.

    Args:
      options: a dataclass; each field is `Annotated` with a typer.Option or typer.Argument.
    """
    hints = get_type_hints(options, include_extras=True)
    parameters = [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if each.default is MISSING else each.default,
            annotation=hints[each.name],
        )
        for each in fields(options)  # type: ignore[arg-type]
    ]

    def decorate(function: Callable[[_T], None]) -> Callable[..., None]:
        def command(**given: Any) -> None:
            function(options(**given))

        command.__name__, command.__doc__ = function.__name__, function.__doc__
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return command

    return decorate
