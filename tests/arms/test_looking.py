"""One look at a shop whose truth is known: through the warehouse, the registry and a SavedModel."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
from pathlib import Path

import pytest
from rich.console import Console

from components.prediction_storer.first_slots import StoredRun
from newsletter_bandit.settings.use_case import UseCase
from pipelines import batch_prediction
from pipelines.arms.found import Arm, ArmsFound
from pipelines.arms.looking import look
from pipelines.cli import arms_summary
from pipelines.workspace import Workspace
from tests.arms import shop
from tests.local_files import warehouse_file


@pytest.fixture(scope="module")
def found(workspace: Workspace) -> ArmsFound:
    stored = batch_prediction.last_stored(workspace.use_case, workspace.environment)
    StoredRun("2026-02-09", "20260202T000000Z-1a2b3c4d", {"bad": 30, "b": 70}).write(stored)
    return look(workspace, shop.WINDOW)


def by_name(found: ArmsFound) -> dict[str, Arm]:
    return {arm.logged.recommender: arm for arm in found.arms}


def changed(workspace: Workspace, **changes: object) -> Workspace:
    settings = UseCase.model_validate({**workspace.use_case.model_dump(), **changes})
    return dataclasses.replace(workspace, use_case=settings)


def test_a_harmful_one_is_retired_and_needed_ones_are_kept(found: ArmsFound) -> None:
    verdicts = {name: arm.judged.verdict for name, arm in by_name(found).items()}
    assert verdicts["bad"] == "retire"
    assert (verdicts["b"], verdicts["c"]) == ("keep", "keep")
    assert verdicts["fresh"] == "cannot_tell"
    assert "learned from 0" in by_name(found)["fresh"].judged.reason
    # Four are judged, so each interval is 98.75%.
    assert found.confidence == pytest.approx(0.9875)


def test_the_gains_are_those_of_the_truth(found: ArmsFound) -> None:
    assert found.policy_value.low < shop.value() < found.policy_value.high
    for name in ("a", "b", "c", "bad"):
        gain = by_name(found)[name].judged.gain
        assert gain.low <= shop.value(without=name) - shop.value() <= gain.high, name
        assert gain.high - gain.low < 0.06, name


def test_the_log_of_each_is_counted_week_by_week(found: ArmsFound) -> None:
    arms = by_name(found)
    assert found.rows == shop.ROWS
    assert sum(arm.logged.rows for arm in found.arms) == shop.ROWS
    assert [week.start for week in arms["a"].logged.weeks] == [
        shop.WINDOW[0] + dt.timedelta(weeks=number) for number in range(4)
    ]
    for arm in found.arms:
        assert sum(week.rows for week in arm.logged.weeks) == arm.logged.rows
    trends = {name: arm.logged.trend for name, arm in arms.items()}
    assert trends == {"a": "not sure", "b": "not sure", "c": "rising", "bad": "not sure", "fresh": "not sure"}
    assert arms["c"].logged.slope.low < 0.05 < arms["c"].logged.slope.high
    assert arms["bad"].logged.value.low < 0.1 < arms["bad"].logged.value.high


def test_what_is_served_is_that_of_the_stored_rankings_else_the_models(
    found: ArmsFound, workspace: Workspace
) -> None:
    arms = by_name(found)
    assert (arms["bad"].served_share, arms["a"].served_share) == (0.3, 0.0)
    # The model shows it to the red third, and explores.
    assert arms["bad"].model_share == pytest.approx(0.9 / 3 + 0.1 / 4, abs=0.02)
    settings = workspace.environment.model_copy(update={"pipeline_root": "nowhere"})
    elsewhere = look(dataclasses.replace(workspace, environment=settings), shop.WINDOW)
    assert elsewhere.stored is None
    assert by_name(elsewhere)["bad"].served_share == arms["bad"].model_share


def test_a_retired_and_a_renamed_one_are_counted_under_todays_names(workspace: Workspace) -> None:
    since = changed(
        workspace,
        recommenders=["a", "b", "sea", "bad", "fresh"],
        renamed={"c": "sea"},
        retired=["bad"],
        default_ranking=["a"],
    )
    arms = by_name(look(since, shop.WINDOW))
    assert arms["bad"].judged.verdict == "retired"
    assert arms["bad"].model_share == 0.0
    assert arms["sea"].judged.verdict == "keep"
    # The red ones get it now.
    assert arms["a"].judged.verdict == "keep"


def test_without_enough_rows_or_a_model_nothing_is_told(workspace: Workspace, tmp_path: Path) -> None:
    gate = {**workspace.use_case.gate.model_dump(), "min_rows": 100_000}
    few = look(changed(workspace, gate=gate), shop.WINDOW)
    assert {arm.judged.verdict for arm in few.arms} == {"cannot_tell"}
    assert by_name(few)["b"].judged.reason.startswith("rows: ")
    environment = workspace.environment.model_copy(update={"registry": str(tmp_path)})
    unpublished = look(dataclasses.replace(workspace, environment=environment), shop.WINDOW)
    assert unpublished.version is None
    assert {arm.judged.reason for arm in unpublished.arms} == {"no model is in production"}
    assert unpublished.rows == shop.ROWS


def test_wrong_propensities_tell_nothing(workspace: Workspace, tmp_path: Path) -> None:
    import duckdb

    copy = tmp_path / "warehouse.duckdb"
    copy.write_bytes(warehouse_file(workspace.environment).read_bytes())
    with duckdb.connect(str(copy)) as connection:
        connection.execute("UPDATE shop.training SET propensity = 0.5 WHERE recommender = 'b'")
    warehouse = workspace.environment.warehouse.model_copy(update={"path": str(copy)})
    environment = workspace.environment.model_copy(update={"warehouse": warehouse})
    arms = look(dataclasses.replace(workspace, environment=environment), shop.WINDOW).arms
    assert {arm.judged.verdict for arm in arms} == {"cannot_tell"}
    assert "does not hold b" in arms[1].judged.reason


def test_the_tables_fit_80_columns(found: ArmsFound) -> None:
    printed = io.StringIO()
    Console(file=printed, width=80, highlight=False).print(arms_summary.arms(found))
    lines = printed.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for words in ("cannot tell", "retire", "keep", "rising", "16,000 newsletters", "30.0%"):
        assert words in text
    # No figure is cut or wrapped.
    assert "…" not in text
