"""Off-policy evaluation: estimates the value of a policy from the log of another one.

    from newsletter_bandit import off_policy

    off_policy.estimate_policy_value(reward, propensity, evaluation_probability)    # arrays in memory
    off_policy.evaluate([Path("log.parquet")], off_policy.Columns(...))             # files of any size

Both return an `Evaluation`: each estimator's value with its interval, the checks of the log, and a verdict.
The rooms below are `estimators` and `intervals`, running sums that merge; `logged_table`, which reads files;
`checks`; and `auc`. NumPy, SciPy and Arrow are all that arrays need; DuckDB reads files, and scikit-learn is
loaded where a model is to be fitted. Settings and pipelines are not known here.
"""

from newsletter_bandit.off_policy.logged_arrays import estimate_policy_value
from newsletter_bandit.off_policy.logged_table import Bounds, Columns, Evaluation, Options, evaluate

__all__ = ["Bounds", "Columns", "Evaluation", "Options", "estimate_policy_value", "evaluate"]
