"""The command `forget`: removes what is kept of one user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.flags import with_options
from pipelines.cli.options import (
    ENVIRONMENT,
    USE_CASE,
    WORKDIR,
    EnvironmentOption,
    UseCaseOption,
    WorkdirOption,
    workspace_of,
)
from pipelines.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.forgetting import Forgotten
    from pipelines.workspace import Workspace


def forget(
    user: Annotated[
        str, typer.Argument(metavar="USER", help="Identifier of the user, as the tables have it.")
    ],
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
) -> None:
    """Remove a user's ranking and rows, and say what was removed where, and what was not.

    Published models stay as they are. Calling it again does nothing.
    """
    with Session("forget", workdir) as session:
        from newsletter_bandit.errors import DataError
        from pipelines.forgetting import forget as forget_user
        from serving.stores.base import CorruptRankingError, StoreError

        workspace = workspace_of(use_case, environment, workdir)
        try:
            found = forget_user(workspace, user)
        except (StoreError, CorruptRankingError) as error:
            raise DataError(str(error)) from error
        for line in _lines(workspace, user, found):
            session.out.print(with_options(line), markup=False, soft_wrap=True)


def _lines(workspace: Workspace, user: str, found: Forgotten) -> Iterator[str]:
    if not found.anything:
        yield f"Nothing of {user} was found that could be removed."
    if found.ranking:
        yield "Removed the stored ranking."
    for table, rows in found.rows.items():
        if rows:
            yield f"Removed {rows:,} {'row' if rows == 1 else 'rows'} of {table}."
    for path, lines in found.refused.items():
        yield f"Removed {lines:,} refused {'row' if lines == 1 else 'rows'} from {path}."
    for path, lines in found.requests.items():
        yield f"Removed {lines:,} {'line' if lines == 1 else 'lines'} of the model server's log from {path}."
    yield "Not changed:"
    yield "  published models, which hold no identifiers, but have learned from the user's rows;"
    yield (
        f"  {workspace.environment.pipeline_root}, where the steps of runs keep the rows that they read, the "
        "user's among them;"
    )
    for path in found.mentions:
        yield f"  {path}, which quotes the identifier;"
    yield "  files that were loaded, and what delivers them: remove the user there too, or they come back."
