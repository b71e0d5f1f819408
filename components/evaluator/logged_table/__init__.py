"""Off-policy evaluation of anyone's logged table: CSV or Parquet, any size, without a pipeline.

    from components.evaluator.logged_table import Columns, Options, evaluate
    found = evaluate([Path("log.parquet")], Columns("action", "reward", "p", "p_new"), Options(weight_clip=100.0))
    found.overall.estimates["snips"]; found.verdict; found.reasons

`newsletter-bandit evaluate` is the same on the command line.
"""

from components.evaluator.logged_table.columns import Columns
from components.evaluator.logged_table.evaluating import evaluate
from components.evaluator.logged_table.options import Options
from components.evaluator.logged_table.result import Evaluation
from components.evaluator.logged_table.support import Bounds

__all__ = ["Bounds", "Columns", "Evaluation", "Options", "evaluate"]
