"""BigQuery SQL of a use case, rendered from the templates in ``configs/queries``.

A template of the same name in ``configs/queries/<use case>`` comes first.

Every value that reaches a template is a literal or an identifier that the settings have validated. The
queries of ExampleGen hold marks for their dates (`newsletter_bandit.warehouse.run_date`), the others the
dates themselves.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.environment import BigQueryWarehouse, DuckDBWarehouse
from newsletter_bandit.settings.tables import RESERVED_COLUMNS, SUBJECT
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.words import capital
from newsletter_bandit.warehouse.run_date import RUN_DATE_MARK, WINDOW_END_MARK, WINDOW_START_MARK

Warehouse = DuckDBWarehouse | BigQueryWarehouse

# Which unsubscribe counts -> the condition on a row of the training table; "" where none does.
_COUNTING = {"after_click": "clicked AND unsubscribed", "any": "unsubscribed", None: ""}

DEFAULT_CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def training_query(use_case: UseCase, warehouse: Warehouse, configs: Path | None = None) -> str:
    """`render_training_query` with marks for the window's days."""
    table = table_name(use_case.tables.training, warehouse)
    marks = {"start": WINDOW_START_MARK, "end": WINDOW_END_MARK}
    return render("training.sql", configs, use_case, table=table, **marks)


def inference_query(use_case: UseCase, warehouse: Warehouse, configs: Path | None = None) -> str:
    """`render_inference_query` with a mark for the run date."""
    return _inference(use_case, warehouse, RUN_DATE_MARK, configs)


def render_training_query(
    use_case: UseCase, warehouse: Warehouse, start: dt.date, end: dt.date, configs: Path | None = None
) -> str:
    """Training rows sent from ``start`` to before ``end``, midnight UTC.

    Args:
      use_case: names the table, the features and the reward.
      warehouse: BigQuery tables carry the project's name.
      start: first day.
      end: day after the last.
      configs: folder whose ``queries/<use case>/`` and ``queries/`` come first. Queries that it lacks, or all
        if it is None, come from the ``configs`` folder beside this package.

    Raises:
      SettingsError: the window is empty, a template is missing or faulty, or two columns differ only in case.
    """
    return _of_window("training.sql", use_case, warehouse, start, end, configs)


def render_inference_query(
    use_case: UseCase, warehouse: Warehouse, run_date: dt.date, configs: Path | None = None
) -> str:
    """Every row of the inference table, dates relative to ``run_date``; otherwise as
    `render_training_query`.
    """
    _check_date(run_date)
    return _inference(use_case, warehouse, run_date.isoformat(), configs)


def render_arms_query(
    use_case: UseCase, warehouse: Warehouse, start: dt.date, end: dt.date, configs: Path | None = None
) -> str:
    """Newsletters, rates and mean reward per recommender; otherwise as `render_training_query`."""
    return _of_window("arms.sql", use_case, warehouse, start, end, configs)


def render_window_query(
    use_case: UseCase,
    warehouse: Warehouse,
    start: dt.date,
    end: dt.date,
    bounds: Sequence[float],
    configs: Path | None = None,
) -> str:
    """Newsletters by day and by bin of propensities, the bins' lower ends falling; otherwise as
    `render_training_query`.
    """
    ends = [repr(bound) for bound in bounds]
    return _of_window("window.sql", use_case, warehouse, start, end, configs, bounds=ends)


def render_campaigns_query(
    use_case: UseCase, warehouse: Warehouse, start: dt.date, end: dt.date, configs: Path | None = None
) -> str:
    """Names of the campaigns of which a newsletter was sent; otherwise as `render_training_query`."""
    return _of_window("campaigns.sql", use_case, warehouse, start, end, configs)


def table_name(table: str, warehouse: Warehouse) -> str:
    """Name of the table in a query, in backticks; with BigQuery ``project.dataset.table``.

    Raises:
      SettingsError: a table without a dataset, which BigQuery cannot find.
    """
    if isinstance(warehouse, DuckDBWarehouse):
        return f"`{table}`"
    if "." not in table:
        raise SettingsError(f"tables: found {table!r}; allowed with BigQuery: dataset.table")
    return f"`{warehouse.project}.{table}`"


def render(template: str, configs: Path | None, use_case: UseCase, **values: object) -> str:
    """Renders a template of ``queries/``.

    Args:
      template: its file name.
      configs: see `render_training_query`.
      use_case: its name, words, key, features and reward reach the template.
      **values: other values for the template; text must be an identifier or a literal that was checked.

    Raises:
      SettingsError: as `render_training_query`.
    """
    check_columns(use_case)
    queries = [folder / "queries" for folder in (configs, DEFAULT_CONFIGS) if folder is not None]
    folders = [folder for shared in queries for folder in (shared / use_case.name, shared)]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
    )
    environment.filters["capital"] = capital
    context: dict[str, Any] = {
        "use_case": use_case.name,
        "words": use_case.words,
        "key": SUBJECT if use_case.key == SUBJECT else f"`{use_case.key}`",
        "features": [(name, feature.type) for name, feature in use_case.features.items()],
        "reward": _reward(use_case),
        **values,
    }
    try:
        return environment.get_template(template).render(context)
    except jinja2.TemplateNotFound as error:
        searched = " or ".join(str(folder) for folder in folders)
        raise SettingsError(f"{error.name}: no such query in {searched}") from error
    except jinja2.TemplateSyntaxError as error:
        raise SettingsError(f"{error.filename or template}: line {error.lineno}: {error.message}") from error
    except jinja2.UndefinedError as error:
        raise SettingsError(
            f"{template}: {error.message}; allowed: {', '.join(sorted(context))} and feature_columns"
        ) from error


def _reward(use_case: UseCase) -> dict[str, Any]:
    """The reward as literals and identifiers, for `_reward.sql` and `_outcomes.sql`."""
    reward = use_case.reward
    return {
        "click": repr(reward.click),
        "unsubscribe": repr(reward.unsubscribe),
        "unsubscribe_counts": _COUNTING[reward.unsubscribe_counts],
        "outcomes": [
            {
                "name": name,
                "days": term.attribution_days or use_case.attribution_days,
                "weight": repr(term.weight),
                "clip": None if term.clip is None else [repr(end) for end in term.clip],
            }
            for name, term in reward.outcomes.items()
        ],
    }


def _of_window(
    template: str,
    use_case: UseCase,
    warehouse: Warehouse,
    start: dt.date,
    end: dt.date,
    configs: Path | None,
    **values: object,
) -> str:
    _check_window(start, end)
    table = table_name(use_case.tables.training, warehouse)
    days = {"start": start.isoformat(), "end": end.isoformat()}
    return render(template, configs, use_case, table=table, **days, **values)


def _inference(use_case: UseCase, warehouse: Warehouse, run_date: str, configs: Path | None) -> str:
    table = table_name(use_case.tables.inference, warehouse)
    return render("inference.sql", configs, use_case, table=table, run_date=run_date)


def _check_date(date: dt.date) -> None:
    # A datetime is a date as well, and its text would not be a DATE literal.
    if type(date) is not dt.date:
        raise TypeError(f"found {date!r}; allowed: a datetime.date")


def _check_window(start: dt.date, end: dt.date) -> None:
    _check_date(start)
    _check_date(end)
    if start >= end:
        raise SettingsError(f"window: from {start} to before {end} holds no day; allowed: a later end")


def check_columns(use_case: UseCase) -> None:
    """Raises `SettingsError` if two columns of a table would be the same to the warehouse."""
    # The warehouses ignore the case of a column's name.
    seen = {name.lower(): name for name in RESERVED_COLUMNS}
    for name in (use_case.key, *use_case.reward.outcomes, *use_case.features):
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise SettingsError(
                f"features and outcomes: {name!r} and {other!r} are one column to the warehouse; allowed: "
                "names that differ in more than case"
            )
