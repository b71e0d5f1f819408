"""The options of `evaluate`, each with its help; their names are those of `Columns`, `Options` and `Bounds`.

These are not imported here: `--help` answers before NumPy is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer


def _column(text: str) -> Any:
    return typer.Option(metavar="COL", help=text)


def _columns(flag: str, text: str) -> Any:
    return typer.Option(flag, metavar="COL", help=f"{text} Repeat it for several columns.")


@dataclass(frozen=True)
class EvaluateOptions:
    """What the command line was given, in the order of its help; None where an option was not given."""

    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="One logged table, as CSV or Parquet files.")
    ]
    action: Annotated[str, _column("Column with the logged action.")]
    reward: Annotated[str, _column("Column with the reward of the logged action.")]
    propensity: Annotated[
        str | None, _column("Column with the logged action's probability under the logging policy.")
    ] = None
    estimate_propensities: Annotated[
        bool,
        typer.Option(
            "--estimate-propensities",
            help="Estimate propensities from --context, for a log without them; the output says so.",
        ),
    ] = False
    evaluation_probability: Annotated[
        str | None,
        _column(
            "Column with the logged action's probability under the evaluation policy; "
            "or use --evaluation-probabilities or --evaluation-action."
        ),
    ] = None
    evaluation_probabilities: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN",
            help="Columns with every action's probability under the evaluation policy, one per action, such "
            "as pi_{action}. They sum to 1 in each row.",
        ),
    ] = None
    evaluation_action: Annotated[
        str | None, _column("Column with the action that a deterministic evaluation policy would choose.")
    ] = None
    expected_reward: Annotated[
        str | None, _column("Column with your reward model's expected reward under the evaluation policy.")
    ] = None
    reward_estimate: Annotated[
        str | None, _column("Column with your reward model's estimate for the logged action.")
    ] = None
    context: Annotated[
        list[str] | None,
        _columns("--context", "Column that a cross-fitted reward model may use, if you have no model."),
    ] = None
    user: Annotated[
        str | None,
        _column("Column with the user. Rows of one user are not treated as independent of each other."),
    ] = None
    slices: Annotated[
        list[str] | None, _columns("--slice", "Column whose values are also evaluated separately.")
    ] = None
    policy_version: Annotated[
        str | None, _column("Column with the policy that logged the row; each is also reported separately.")
    ] = None
    slate: Annotated[
        str | None, _column("Rankings: column with the ranking; rows of one ranking share its value.")
    ] = None
    position: Annotated[
        str | None, _column("Rankings: column with the position in the ranking, smallest first.")
    ] = None
    click_model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Rankings: click model; independent, cascade or standard."),
    ] = None
    weight_clip: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER", help="Largest importance weight used. Default: weights are not clipped."
        ),
    ] = None
    reward_range: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Smallest and largest possible reward."),
    ] = None
    confidence: Annotated[float, typer.Option(metavar="SHARE", help="Confidence level of the intervals.")] = (
        0.95
    )
    interval: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD",
            help="Method of the intervals: gamma, normal, bootstrap, clopper_pearson or empirical_bernstein. "
            "Default: bootstrap with --user, else gamma.",
        ),
    ] = None
    folds: Annotated[int, typer.Option(metavar="N", help="Number of cross-fitting folds.")] = 3
    min_rows: Annotated[
        int, typer.Option(metavar="N", help="With fewer rows than this the verdict is 'cannot tell'.")
    ] = 2000
    min_effective_sample_size: Annotated[
        float,
        typer.Option(
            metavar="N", help="With a smaller effective sample size than this the verdict is 'cannot tell'."
        ),
    ] = 200.0
    max_weight: Annotated[
        float,
        typer.Option(
            metavar="NUMBER", help="With a larger importance weight than this the verdict is 'cannot tell'."
        ),
    ] = 250.0
    mean_weight_tolerance: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="With a mean weight further from 1 than this, and than chance explains, the verdict is "
            "'cannot tell'.",
        ),
    ] = 0.1
    min_users: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="With fewer users in the column of --user than this the verdict is 'cannot tell'.",
        ),
    ] = 30
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write every figure to this file, for a program."),
    ] = None
