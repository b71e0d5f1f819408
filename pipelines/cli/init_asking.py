"""One question in a terminal, asked again if the answer cannot be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console

from newsletter_bandit.errors import SettingsError, UserError
from pipelines.cli.flags import with_flags

_T = TypeVar("_T")


def ask(out: Console, question: str, proposed: str, take: Callable[[str], _T]) -> _T:
    """Asks until ``take`` accepts the answer; an empty one is what is proposed.

    Raises:
      SettingsError: the input ends.
    """
    shown = f" [{proposed}]" if proposed else ""
    while True:
        out.print(f"{question}{shown}: ", end="", markup=False, soft_wrap=True)
        out.file.flush()
        line = sys.stdin.readline()
        if not line:
            out.print()
            raise SettingsError("the input ended before the last question; nothing was written")
        try:
            return take(line.strip() or proposed)
        except UserError as error:
            out.print(f"  {with_flags(str(error))}", style="yellow", markup=False, soft_wrap=True)


def agreed(out: Console, question: str) -> bool:
    """Asks for yes or no; Enter is no."""
    return ask(out, f"{question} [y/N]", "", lambda text: text.lower() in ("y", "yes"))
