"""The command `evaluate`."""

from __future__ import annotations

import typer

from pipelines.cli.evaluate_options import EvaluateOptions
from pipelines.cli.options import WORKDIR
from pipelines.cli.session import Session
from pipelines.cli.signature import taking


def evaluate(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="One logged table, in CSV or Parquet files.")
    ],
    action: Annotated[str, typer.Option(metavar="COL", help="What was chosen.")],
    reward: Annotated[str, typer.Option(metavar="COL", help="What came of it.")],
    propensity: Annotated[
        str | None, typer.Option(metavar="COL", help="Its probability under the policy that logged the row.")
    ] = None,
    estimate_propensities: Annotated[
        bool,
        typer.Option(
            "--estimate-propensities", help="None was logged: estimate it from --context, and say so."
        ),
    ] = False,
    evaluation_probability: Annotated[
        str | None,
        typer.Option(
            metavar="COL", help="Its probability under the policy to evaluate; or one of the next two."
        ),
    ] = None,
    evaluation_probabilities: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN", help="One column an action, such as pi_{action}; sums to 1 in a row."
        ),
    ] = None,
    evaluation_action: Annotated[
        str | None, typer.Option(metavar="COL", help="What a deterministic policy would have chosen.")
    ] = None,
    expected_reward: Annotated[
        str | None, typer.Option(metavar="COL", help="Your reward model's expectation under the policy.")
    ] = None,
    reward_estimate: Annotated[
        str | None, typer.Option(metavar="COL", help="Your reward model's estimate for the logged action.")
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="For a cross-fitted reward model instead; once for each column."),
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="COL", help="Rows of one user are not independent of each other.")
    ] = None,
    slice_: Annotated[
        list[str] | None,
        typer.Option(
            "--slice", metavar="COL", help="Each of its values by itself too; once for each column."
        ),
    ] = None,
    policy_version: Annotated[str | None, typer.Option(metavar="COL", help="Who logged the row.")] = None,
    slate: Annotated[
        str | None, typer.Option(metavar="COL", help="Rankings: rows of one share its value.")
    ] = None,
    position: Annotated[
        str | None, typer.Option(metavar="COL", help="Rankings: the place, smallest first.")
    ] = None,
    click_model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Rankings: independent, cascade or standard.")
    ] = None,
    weight_clip: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", help="Largest importance weight used; none unless given."),
    ] = None,
    reward_range: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Smallest and largest reward possible."),
    ] = None,
    confidence: Annotated[float, typer.Option(metavar="SHARE", help="Of the intervals.")] = 0.95,
    interval: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD",
            help="gamma, normal, bootstrap, clopper_pearson or empirical_bernstein; bootstrap with --user, else gamma.",
        ),
    ] = None,
    folds: Annotated[int, typer.Option(metavar="N", help="Of the cross-fit.")] = 3,
    min_rows: Annotated[
        int | None, typer.Option(metavar="N", help="Fewer rows cannot tell; as the gate's default.")
    ] = None,
    min_effective_sample_size: Annotated[
        float | None, typer.Option(metavar="N", help="A smaller sample cannot tell; as the gate's default.")
    ] = None,
    max_weight: Annotated[
        float | None, typer.Option(metavar="N", help="A larger weight cannot tell; as the gate's default.")
    ] = None,
    mean_weight_tolerance: Annotated[
        float | None, typer.Option(metavar="SHARE", help="A mean weight further from 1 cannot tell; 0.1.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Every figure, for a program.")
    ] = None,
) -> None:
    """Evaluate a policy on anyone's logged table; no settings, no pipeline.

    Exits with 0 if the log supports the policy, 3 if it cannot tell, 2 if the input cannot be used.
    """
    with Session("evaluate", WORKDIR) as session:
        from pipelines.cli import evaluate_file

        bounds: dict[str, Any] = {
            "min_rows": min_rows,
            "min_effective_sample_size": min_effective_sample_size,
            "max_weight": max_weight,
            "mean_weight_tolerance": mean_weight_tolerance,
        }
        columns = Columns(
            action=action,
            reward=reward,
            propensity=propensity,
            evaluation_probability=evaluation_probability,
            evaluation_probabilities=evaluation_probabilities,
            evaluation_action=evaluation_action,
            expected_reward=expected_reward,
            reward_estimate=reward_estimate,
            context=tuple(context or ()),
            user=user,
            slices=tuple(slice_ or ()),
            policy_version=policy_version,
            slate=slate,
            position=position,
        )
        options = Options(
            weight_clip=weight_clip,
            reward_range=reward_range,
            confidence=confidence,
            interval=interval,
            click_model=click_model,
            bounds=Bounds(**{name: bound for name, bound in bounds.items() if bound is not None}),
            folds=folds,
        )
        found = evaluate_file.run(session.out, files, columns, options, estimate_propensities, json_file)
        if not found.supported:
            raise typer.Exit(evaluate_file.CANNOT_TELL)
