"""`newsletter-bandit evaluate`: a logged table, a policy, and what the log says of it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

from rich.console import Console

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.off_policy.logged_table import Bounds, Columns, Evaluation, Options, evaluate
from pipelines.cli import evaluation_report
from pipelines.cli.evaluate_options import EvaluateOptions
from pipelines.cli.json_file import check_folder, write
from pipelines.cli.progress import StepProgress

# Exit code where the log does not support the evaluation policy; bad input is 2.
CANNOT_TELL = 3

_T = TypeVar("_T", Bounds, Columns, Options)


def run(out: Console, given: EvaluateOptions) -> Evaluation:
    """Evaluates, writes the JSON, and prints.

    Raises:
      SettingsError, DataError: as `evaluate`; a `SettingsError` too where the JSON cannot be written, or
        where propensities are both given and to be estimated, or neither.
    """
    if given.propensity is None and not (given.estimate_propensities and given.context):
        raise SettingsError(
            "`propensity`: missing; give a column, or use `estimate_propensities` with `context`"
        )
    columns = made(Columns, given)
    if given.propensity is not None and given.estimate_propensities:
        raise SettingsError("`estimate_propensities`: `propensity` is given too; use one of them")
    options = replace(made(Options, given), bounds=made(Bounds, given))
    check_folder(given.json_file)
    with StepProgress(out, "Reading the log"):
        found = evaluate(given.files, columns, options)
    if given.json_file is not None:
        write(given.json_file, found.to_dict())
    evaluation_report.show(out, found)
    return found


def made(kind: type[_T], given: EvaluateOptions) -> _T:
    """The options that ``kind`` has fields for, as one; what was not given keeps its default."""
    values: dict[str, Any] = {}
    for field in fields(kind):
        value = getattr(given, field.name, None)
        if value is not None:
            values[field.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)
