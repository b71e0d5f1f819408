"""`newsletter-bandit evaluate`: a logged table, a policy, and what the log says of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.off_policy.logged_table import Columns, Evaluation, Options, evaluate
from pipelines.cli import evaluation_report
from pipelines.cli.progress import StepProgress

# Exit code where the log does not support the evaluation policy; bad input is 2.
CANNOT_TELL = 3


def run(
    out: Console,
    files: Sequence[Path],
    columns: Columns,
    options: Options,
    estimate_propensities: bool,
    json_file: Path | None,
) -> Evaluation:
    """Evaluates, writes the JSON, and prints.

    Raises:
      SettingsError, DataError: as `evaluate`; a `SettingsError` too where the JSON cannot be written, or where
        propensities are both given and to be estimated, or neither.
    """
    if estimate_propensities and columns.propensity is not None:
        raise SettingsError("--estimate-propensities: --propensity is given too; allowed: one of them")
    if columns.propensity is None and not estimate_propensities:
        raise SettingsError(
            "--propensity: missing; allowed: a column, or --estimate-propensities with --context"
        )
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise SettingsError(
            f"--json: {json_file.parent}: no such folder; allowed: a file in a folder that exists"
        )
    with StepProgress(out, "Reading the log"):
        found = evaluate(files, columns, options)
    if json_file is not None:
        try:
            found.write(json_file)
        except OSError as error:
            raise SettingsError(
                f"--json: {json_file}: {error.strerror}; allowed: a file that can be written"
            ) from error
    evaluation_report.show(out, found)
    return found
