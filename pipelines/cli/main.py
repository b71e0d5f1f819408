"""The command line: every command in the order in which `--help` lists them.

Whatever is slow to import is imported inside the command that needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import typer

from pipelines.cli import runtime_defaults
from pipelines.cli.cloud import compile_, deploy_function, schedule, submit
from pipelines.cli.evaluate import evaluate
from pipelines.cli.models import list_models, rollback
from pipelines.cli.runs import predict, serve, train, tune
from pipelines.cli.simulate import demo, simulate
from pipelines.cli.tables import build_tables, ingest, schema

app = typer.Typer(
    name="newsletter-bandit",
    help="Contextual bandits that choose the recommender of each user's newsletter.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
models = typer.Typer(help="List the published models, or roll back to an earlier one.", no_args_is_help=True)
app.add_typer(models, name="models")

app.command()(demo)
app.command()(simulate)
app.command()(ingest)
app.command("build-tables")(build_tables)
app.command()(schema)
app.command()(train)
app.command()(tune)
app.command()(predict)
app.command("compile")(compile_)
app.command()(submit)
app.command()(schedule)
app.command()(serve)
app.command("deploy-function")(deploy_function)
app.command()(evaluate)
models.command("list")(list_models)
models.command()(rollback)


def main() -> None:
    """Runs the command line of this process and ends it."""
    runtime_defaults.apply()
    typer.main.get_command(app).main(prog_name="newsletter-bandit")


if __name__ == "__main__":
    main()
