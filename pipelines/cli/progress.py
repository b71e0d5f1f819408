"""Progress of a pipeline on the terminal: the steps, their time, and their products."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from pipelines.events import StepEvent

_MARKS = {"finished": "[green]✓[/]", "cached": "[cyan]=[/]", "failed": "[red]✗[/]"}


class StepProgress:
    """Prints a line for each step that has ended, and, on a terminal, a moving line for the running step.

    Called with each `StepEvent`; used as a context, so that the moving line never outlives an error.

    Args:
      console: where to print.
      waiting_for: text of the moving line before the first step.
    """

    def __init__(self, console: Console, waiting_for: str = "Loading TensorFlow and TFX") -> None:
        self._console = console
        # The streams lead into the log; the progress must not take them over.
        self._progress = Progress(
            TextColumn(" "),
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            refresh_per_second=4,
        )
        self._task = self._progress.add_task(waiting_for, total=None)

    def __enter__(self) -> StepProgress:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def __call__(self, event: StepEvent) -> None:
        if event.state == "running" and event.detail:
            self._console.print(f"  [yellow]…[/] {event.step}: {escape(event.detail)}", soft_wrap=True)
            return
        if event.state == "running":
            self._progress.reset(self._task, description=event.step)
            return
        seconds = f"{event.seconds:6.1f} s" if event.seconds is not None else ""
        mark = _MARKS[event.state]
        # What made a step fail ends the command, as its error.
        detail = "" if event.state == "failed" else escape(event.detail)
        self._console.print(f"  {mark} {escape(event.step):<22} {seconds:>8}  {detail}".rstrip())
