"""The command `evaluate`."""

from __future__ import annotations

import typer

from pipelines.cli.evaluate_options import EvaluateOptions
from pipelines.cli.options import WORKDIR
from pipelines.cli.session import Session
from pipelines.cli.signature import taking


@taking(EvaluateOptions)
def evaluate(options: EvaluateOptions) -> None:
    """Evaluate a policy on anyone's logged table; no settings, no pipeline.

    Exits with 0 if the log supports the policy, 3 if it cannot tell, 2 if the input cannot be used.
    """
    with Session("evaluate", WORKDIR) as session:
        from pipelines.cli import evaluate_file

        if not evaluate_file.run(session.out, options).supported:
            raise typer.Exit(evaluate_file.CANNOT_TELL)
