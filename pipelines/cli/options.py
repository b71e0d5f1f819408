"""Options that several commands share, and what they mean."""

from __future__ import annotations

import datetime as dt
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter_bandit.settings.run_day import run_day
from pipelines.cli.days import day

if TYPE_CHECKING:
    from newsletter_bandit.registry import Registry
    from pipelines.workspace import Workspace

UseCaseOption = Annotated[
    Path,
    typer.Option("--use-case", metavar="FILE", help="Settings of the use case: what is decided for whom."),
]
EnvironmentOption = Annotated[
    Path, typer.Option("--environment", metavar="FILE", help="Settings of the environment: where it runs.")
]
WorkdirOption = Annotated[
    Path,
    typer.Option(
        "--workdir", metavar="DIR", help="Work folder: everything that a run writes, logs included."
    ),
]
RunDateOption = Annotated[
    dt.datetime | None,
    typer.Option(
        "--run-date",
        metavar="YYYY-MM-DD",
        parser=day,
        help="Day of the run, UTC; today unless given.",
    ),
]
BuildTableOption = Annotated[
    bool,
    typer.Option(
        "--build-table", help="First build the table that is read from the raw ones, for the day of the run."
    ),
]
AgainOption = Annotated[
    bool,
    typer.Option("--again", help="Train even if the same rows were judged with the same settings before."),
]
WaitOption = Annotated[
    bool,
    typer.Option(
        "--wait", help="Wait while another run of the kind goes on in the work folder, rather than refuse."
    ),
]

NewslettersOption = Annotated[int, typer.Option(min=1, help="Logged newsletters in the training window.")]
UsersOption = Annotated[int, typer.Option(min=1, help="Users to predict for.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of the simulated world.")]
WorldOption = Annotated[
    Path | None,
    typer.Option(
        "--world",
        metavar="FILE",
        help="World that is simulated: worlds/USE_CASE.yaml beside the use case unless given.",
    ),
]

USE_CASE = Path("configs/newsletter.yaml")
ENVIRONMENT = Path("configs/environments/local.yaml")
VERTEX = Path("configs/environments/vertex.yaml")
WORKDIR = Path("workdir")


def workspace_of(use_case: Path, environment: Path, workdir: Path) -> Workspace:
    """The use case and the environment from their files, placed in the work folder."""
    from newsletter_bandit.settings.reading import load_environment, load_use_case
    from pipelines.workspace import Workspace

    options = called_with(use_case, environment, workdir)
    use_case, environment = settings_file(use_case), settings_file(environment)
    settings = load_use_case(use_case)
    return Workspace(
        use_case=settings,
        use_case_path=use_case,
        environment=load_environment(environment).in_workdir(workdir, settings),
        workdir=workdir,
        options=options,
    )


def called_with(use_case: Path, environment: Path, workdir: Path) -> str:
    """The options that are not the defaults, as a shell reads them, such as "--use-case shop.yaml"."""
    return " ".join(f"{flag} {value}" for flag, value in given(use_case, environment, workdir).items())


def given(use_case: Path, environment: Path, workdir: Path) -> dict[str, str]:
    """Each option that is not the default, as a shell reads it, by its flag."""
    options = (
        ("--use-case", use_case, USE_CASE),
        ("--environment", environment, ENVIRONMENT),
        ("--workdir", workdir, WORKDIR),
    )
    return {flag: shlex.quote(str(path)) for flag, path, usual in options if path != usual}


def settings_file(path: Path) -> Path:
    """The file; where there is none, the one of that path that comes with this program, if there is one.

    So the commands find `configs/` wherever they are run, and a folder `configs/` of one's own comes first.
    """
    packaged = Path(__file__).resolve().parents[2] / path
    inside = not path.is_absolute() and path.parts[:1] == ("configs",) and ".." not in path.parts
    return packaged if inside and not path.exists() and packaged.is_file() else path


def registry_of(use_case: Path, environment: Path, workdir: Path) -> Registry:
    """The registry that the environment names for the use case."""
    workspace = workspace_of(use_case, environment, workdir)
    from newsletter_bandit.registry import Registry

    return Registry(workspace.environment.registry, workspace.use_case.name)


def date_of(day: dt.datetime | None) -> dt.date | None:
    """The day of an option; None if it was not given."""
    return None if day is None else day.date()


def day_of(run_date: dt.datetime | None) -> dt.date:
    """The day of `--run-date`; today in UTC unless given."""
    return run_day(date_of(run_date))
