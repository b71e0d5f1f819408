"""Off-policy evaluation of anyone's logged table: CSV or Parquet, any size, without a pipeline.

    from newsletter_bandit.off_policy.logged_table import Columns, Options, evaluate
    columns = Columns("action", "reward", "p", "p_new")
    found = evaluate([Path("log.parquet")], columns, Options(weight_clip=100.0))
    found.overall.estimates["snips"]; found.verdict; found.reasons

`newsletter-bandit evaluate` is the same on the command line.
"""

from newsletter_bandit.off_policy.logged_table.columns import Columns
from newsletter_bandit.off_policy.logged_table.evaluating import evaluate
from newsletter_bandit.off_policy.logged_table.options import Options
from newsletter_bandit.off_policy.logged_table.result import Evaluation
from newsletter_bandit.off_policy.logged_table.support import Bounds

__all__ = ["Bounds", "Columns", "Evaluation", "Options", "evaluate"]
