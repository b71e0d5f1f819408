"""The one place where messages get the command line's words: its flags, and the options of its commands.

A function that refuses an argument names it in backticks, as a caller in Python knows it: `weight_clip`. The
command line's message names the flag: --weight-clip. A message may also name a command, such
as `newsletter-bandit train`. If the running command was called with `--workdir shop`, so must be that one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from typer.core import TyperCommand, TyperGroup

from pipelines.cli.options import given

# Commands that take neither a use case nor an environment nor a work folder, or make them.
_WITHOUT = frozenset({"evaluate", "init", "demo"})
_NEEDED = ("use_case", "environment", "workdir")
_FLAGS: ContextVar[Mapping[str, str]] = ContextVar("flags", default={})  # noqa: B039 (never changed in place)
_GIVEN: ContextVar[Mapping[str, str]] = ContextVar("given", default={})  # noqa: B039 (likewise)


class Command(TyperCommand):
    """A command that lets `with_flags` know its flags while it runs."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        return _known(self, ctx, super().invoke)


class Group(TyperGroup):
    """A group that is a command as well, and lets `with_flags` know its flags while it runs."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the group's own command, and the one below it that was named."""
        return _known(self, ctx, super().invoke)


def _known(command: Any, ctx: Any, invoke: Callable[[Any], Any]) -> Any:
    options = (each for each in command.params if each.param_type_name == "option")
    before = _FLAGS.set({str(option.name): max(option.opts, key=len) for option in options})
    paths = [ctx.params.get(name) for name in _NEEDED]
    called = given(*paths) if all(isinstance(path, Path) for path in paths) else {}
    others = _GIVEN.set(called)
    try:
        return invoke(ctx)
    finally:
        _FLAGS.reset(before)
        _GIVEN.reset(others)


def with_flags(message: str) -> str:
    """The message with the running command's flags in the place of the arguments that it names in
    backticks.
    """
    flags = _FLAGS.get()
    return re.sub(r"`(\w+)`", lambda named: flags.get(named[1], named[0]), message)


def with_options(message: str) -> str:
    """The message with the running command's use case, environment and work folder, where they are not the
    defaults, in each command that it names in backticks.
    """

    def completed(named: re.Match[str]) -> str:
        command, words = named[0][1:-1], named[1].split()
        if words[0] in _WITHOUT:
            return named[0]
        lacking = (f"{flag} {value}" for flag, value in _GIVEN.get().items() if flag not in words)
        return f"`{' '.join((command, *lacking))}`"

    return re.sub(r"`newsletter-bandit ([a-z][^`]*)`", completed, message)
