"""The one place where a function's arguments become the command line's flags.

A function that refuses an argument names it in backticks, as a caller in Python knows it: `weight_clip`. The
command line's message names the flag: --weight-clip.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from typer.core import TyperCommand

_FLAGS: ContextVar[Mapping[str, str]] = ContextVar("flags", default={})  # noqa: B039 (never changed in place)


class Command(TyperCommand):
    """A command that lets `with_flags` know its flags while it runs."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        options = (each for each in self.params if each.param_type_name == "option")
        before = _FLAGS.set({str(option.name): max(option.opts, key=len) for option in options})
        try:
            return super().invoke(ctx)
        finally:
            _FLAGS.reset(before)


def with_flags(message: str) -> str:
    """The message with the running command's flags in the place of the arguments that it names in
    backticks.
    """
    flags = _FLAGS.get()
    return re.sub(r"`(\w+)`", lambda named: flags.get(named[1], named[0]), message)
