"""The command `arms` and those below it: look at the recommenders, add, retire and rename them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter_bandit.errors import SettingsError
from pipelines.cli.flags import with_options
from pipelines.cli.options import (
    ENVIRONMENT,
    USE_CASE,
    WORKDIR,
    EnvironmentOption,
    RunDateOption,
    UseCaseOption,
    WorkdirOption,
    day_of,
    settings_file,
    workspace_of,
)
from pipelines.cli.session import Session

if TYPE_CHECKING:
    from newsletter_bandit.settings.changing_arms import Change
    from pipelines.workspace import Workspace

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the change, and write nothing.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the recommender.")]


def look(
    context: typer.Context,
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    run_date: RunDateOption = None,
    workdir: WorkdirOption = WORKDIR,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object, for a program.")] = False,
) -> None:
    """Show what each recommender is worth and whether to keep it; or add, retire or rename one.

    It looks at the newest complete window, as `train` does. The verdict compares the policy of the model in
    production without the recommender with the same policy as it is, on newsletters of held-out users. Exits
    with 0 whatever the verdicts are, and with 2 if settings or data cannot be used.
    """
    if context.invoked_subcommand is not None:
        _refuse_lost_options(context)
        return
    with Session("arms", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        session.open_log()
        from newsletter_bandit.settings.run_day import TrainingDays
        from pipelines.cli import arms_summary
        from pipelines.cli.progress import StepProgress
        from pipelines.cli.warehouse import require_credentials
        from pipelines.local import libraries

        require_credentials(workspace)
        days = TrainingDays.of(workspace.use_case, day_of(run_date))
        with StepProgress(session.out, "Comparing the policy with and without each recommender"):
            libraries.load()
            from pipelines.arms.looking import look as look_at

            found = look_at(workspace, days.window)
        if as_json:
            session.out.print_json(data=found.content())
        else:
            session.out.print(arms_summary.arms(found, workspace.use_case.words))


def add(
    name: NameArgument,
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    feature: Annotated[
        list[str] | None,
        typer.Option(
            "--feature",
            metavar="KEY=VALUE",
            help="What `recommender_features` says of it; once for each key that the others have.",
        ),
    ] = None,
    dry_run: DryRunOption = False,
) -> None:
    """Add a recommender, or offer a retired one again.

    The use case's file is changed in place. A new one is tried from the next training on, within the budget
    `exploration.new_arm`.
    """
    with Session("arms-add", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from newsletter_bandit.settings import changing_arms
        from pipelines.cli import arms_words

        change = changing_arms.added(_own_file(use_case), name, _features(feature or []))
        back = name in workspace.use_case.retired
        tell = arms_words.after_return if back else arms_words.after_add
        words = tell(name, change.use_case)
        _finish(session, change, words, _schema(workspace, name), dry_run=dry_run)


def retire(
    name: NameArgument,
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    dry_run: DryRunOption = False,
) -> None:
    """Retire a recommender: it is ranked no more.

    The use case's file is changed in place; the next prediction follows it, with any model.
    """
    with Session("arms-retire", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from newsletter_bandit.settings import changing_arms
        from pipelines.cli import arms_words

        change = changing_arms.retired(_own_file(use_case), name)
        _finish(session, change, arms_words.after_retire(name, workspace.use_case), dry_run=dry_run)


def rename(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Name of the recommender today.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Name from now on.")],
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    dry_run: DryRunOption = False,
) -> None:
    """Give a recommender another name.

    The use case's file is changed in place, and remembers the old name for the log and the models.
    """
    with Session("arms-rename", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from newsletter_bandit.settings import changing_arms
        from pipelines.cli import arms_words

        change = changing_arms.renamed(_own_file(use_case), old, new)
        words = arms_words.after_rename(old, new, workspace.use_case)
        _finish(session, change, words, _schema(workspace, new), dry_run=dry_run)


def _finish(
    session: Session,
    change: Change,
    words: list[str],
    schema: tuple[Path, str, str] | None = None,
    *,
    dry_run: bool,
) -> None:
    """Shows the change, writes it, and says what happens next."""
    from newsletter_bandit.files import write_text
    from pipelines.cli import arms_words

    for path, before, after in ((change.path, change.before, change.after), *([schema] if schema else [])):
        session.out.print(arms_words.difference(path, before, after), markup=False, soft_wrap=True)
    if dry_run:
        words = ["Nothing was written."]
    else:
        # A schema that allows a name too many does no harm.
        if schema is not None:
            write_text(schema[0], schema[2])
        change.write()
    for sentence in words:
        session.out.print(with_options(sentence), markup=False, soft_wrap=True)


def _schema(workspace: Workspace, name: str) -> tuple[Path, str, str] | None:
    """The curated schema's file, its text, and the text that allows the name too; None if nothing changes."""
    from components.example_validator.allowed_names import with_recommender

    path = workspace.schema_file
    if not path.is_file():
        return None
    before = path.read_text(encoding="utf-8")
    after = with_recommender(before, name, str(path))
    return None if after == before else (path, before, after)


def _own_file(path: Path) -> Path:
    """The file that may be changed.

    Raises:
      SettingsError: it is not there, so that the one that comes with the program stands in for it.
    """
    if not path.exists() and settings_file(path) != path:
        raise SettingsError(
            f"{path}: no such file here; the one that comes with the program is not changed; copy "
            f"{settings_file(path)} to {path} first"
        )
    return path


def _features(given: list[str]) -> dict[str, Any]:
    """The values of `--feature`, as YAML reads them."""
    import yaml

    found: dict[str, Any] = {}
    for each in given:
        key, separator, value = each.partition("=")
        if not separator or not key or key in found:
            raise SettingsError(f"--feature: found {each!r}; allowed: KEY=VALUE, each key once")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise SettingsError(f"--feature: found {each!r}; allowed: KEY=VALUE") from error
    return found


def _refuse_lost_options(context: typer.Context) -> None:
    """Options between `arms` and the command below it would reach neither."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE":
            context.fail(f"{parameter.opts[0]}: use it behind `{context.invoked_subcommand}`")
