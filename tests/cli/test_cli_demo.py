"""The demonstration's own parts: its folder and its endpoint. The loop it runs is tested in
test_end_to_end.py.
"""

from __future__ import annotations

import datetime as dt
import json
import urllib.request
from pathlib import Path

import pytest

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.ranking_store import open_store
from newsletter_bandit.settings.reading import load_environment, load_use_case
from pipelines.cli import demo
from pipelines.cli.options import ENVIRONMENT, USE_CASE, workspace_of
from pipelines.endpoint import serving_config
from pipelines.workspace import Workspace
from serving.config import DatastoreLocation
from serving.stores.sqlite import SQLiteStore
from tests.rankings import make_ranking

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    path = CONFIGS / "newsletter.yaml"
    use_case = load_use_case(path)
    environment = load_environment(CONFIGS / "environments" / "local.yaml").in_workdir(tmp_path, use_case)
    return Workspace(use_case, path, environment, tmp_path)


def test_the_endpoint_answers_from_the_work_folder(workspace: Workspace) -> None:
    today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ranking = make_ranking(generated_at=today)
    writer = SQLiteStore(workspace.workdir / "rankings-newsletter.sqlite")
    writer.put_many([ranking])
    writer.close()

    reader = open_store(workspace.environment.store)
    assert reader.get_many(["user-1", "user-2"]) == {"user-1": ranking}
    reader.close()
    with demo.endpoint(workspace) as address:
        assert address.startswith("http://127.0.0.1:")
        for user_id, source, recommender in (
            ("user-1", "personalised", "deals"),
            ("user-2", "default", workspace.use_case.default_ranking[0]),
        ):
            with urllib.request.urlopen(f"{address}/users/{user_id}/recommenders") as response:
                answer = json.load(response)
            assert answer["source"] == source
            assert answer["recommenders"][0] == recommender


def test_what_to_do_next_names_the_use_case_that_was_shown(tmp_path: Path) -> None:
    homepage = workspace_of(CONFIGS / "homepage.yaml", ENVIRONMENT, tmp_path)
    serve, _, models = demo.continuing(homepage, "newsletter-bandit", "session-000000")
    options = f"--use-case {CONFIGS / 'homepage.yaml'} --workdir {tmp_path}"
    assert serve == f"newsletter-bandit serve {options}"
    assert models == f"newsletter-bandit models list {options}"
    newsletter = workspace_of(USE_CASE, ENVIRONMENT, Path("demo"))
    assert demo.continuing(newsletter, "make", "u")[0] == "make serve --workdir demo"


def test_serving_config_of_datastore(workspace: Workspace) -> None:
    store = {"kind": "datastore", "project": "my-project", "entity_kind": "Newsletter", "namespace": "n"}
    environment = workspace.environment.model_validate(workspace.environment.model_dump() | {"store": store})
    config = serving_config(workspace.use_case, environment)
    assert config.store == DatastoreLocation("my-project", "Newsletter", "n")
    assert config.unknown_user == workspace.use_case.serving.unknown_user
    assert config.default_ranking == workspace.use_case.default_ranking


def test_only_a_demonstrations_folder_is_emptied(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    demo.prepare(folder, keep=False)
    (folder / "model").write_text("old")
    demo.prepare(folder, keep=True)
    assert (folder / "model").exists()
    demo.prepare(folder, keep=False)
    assert not (folder / "model").exists()

    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    for keep in (True, False):
        with pytest.raises(SettingsError, match="holds files that the demo did not make"):
            demo.prepare(foreign, keep=keep)
    assert [path.name for path in foreign.iterdir()] == ["thesis.txt"]


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    with pytest.raises(SettingsError, match="use a folder that can be written"):
        demo.prepare(tmp_path / "demo", keep=False)
