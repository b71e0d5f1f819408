"""`newsletter-bandit serve --model` in a process of its own, and the training table that its log makes."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from pipelines.workspace import Workspace
from tests.local_files import warehouse_file
from tests.model_server import published

OUTCOMES: list[dict[str, Any]] = [
    {"clicked": True},
    {"clicked": False},
    {"clicked": True, "basket": 4.25},
    {"unsubscribed": True},
    {"basket": 30},
]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def options(workspace: Workspace) -> list[str]:
    return [
        *("--use-case", str(workspace.use_case_path), "--workdir", str(workspace.workdir)),
        *("--environment", str(workspace.use_case_path.with_name("environment.yaml"))),
    ]


def command(workspace: Workspace, *words: str) -> list[str]:
    return [sys.executable, "-m", "pipelines.cli.main", *words, *options(workspace)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def run(workspace: Workspace, *words: str) -> str:
    done = subprocess.run(
        command(workspace, *words), env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def workspace(tmp_path: Path, model: Path) -> Workspace:
    made = published.workspace(tmp_path)
    published.publish(made, model, 14)
    return made


@pytest.fixture
def server(workspace: Workspace, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The command, once it answers, and its address."""
    port = free_port()
    with (tmp_path / "server.log").open("wb") as output:
        process = subprocess.Popen(
            command(workspace, "serve", "--model", "--port", str(port)),
            env=environment(),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                httpx.get(f"{address}/health", timeout=None)
                break
            except httpx.TransportError:
                assert process.poll() is None, (tmp_path / "server.log").read_text()
                time.sleep(0.1)
        yield process, address
    finally:
        process.kill()
        process.wait()


def test_a_log_made_over_http_becomes_the_training_table(
    server: tuple[subprocess.Popen[bytes], str], workspace: Workspace
) -> None:
    process, address = server
    users = published.items(published.users(40))
    with httpx.Client(base_url=address, timeout=None) as client:
        answers = [client.post("/rank", json=user).json() for user in users[:30]]
        answers += client.post("/rank", json={"items": users[30:]}).json()["rankings"]
        # Of the others nothing more is heard.
        told = list(zip(answers, OUTCOMES * 4, strict=False))
        for answer, outcomes in told[:10]:
            body = {"ranking_id": answer["ranking_id"], "outcomes": outcomes}
            assert client.post("/reward", json=body).json() == {"logged": 1}
        late = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).isoformat()
        rest = [
            {"ranking_id": answer["ranking_id"], "outcomes": outcomes, "occurred_at": late}
            for answer, outcomes in told[10:]
        ]
        assert client.post("/reward", json={"items": rest}).json() == {"logged": 10}
    process.send_signal(signal.SIGINT)
    assert process.wait() == 0

    log = Path(workspace.environment.model_server.log)
    assert log == workspace.workdir / "requests-tiny"
    (file,) = log.iterdir()
    with file.open("ab") as torn:
        torn.write(b'{"kind": "ranking", "ranking')
    # Twice, as every week loads what has grown.
    first, second = run(workspace, "ingest", "requests"), run(workspace, "ingest", "requests", str(file))
    assert first.startswith("40 rankings and 20 rewards read from the log, 1 torn last line left out.\n")
    assert "40 of 40 rows loaded into raw.sends.\n" in first
    assert "0 of 40 rows loaded into raw.sends, 40 were already there.\n" in second
    today = dt.datetime.now(dt.UTC).date()
    days = ("--from", str(today - dt.timedelta(days=1)), "--to", str(today))
    assert "40 rows written" in run(workspace, "build-tables", *days)

    with duckdb.connect(str(warehouse_file(workspace.environment)), read_only=True) as connection:
        rows = connection.sql("SELECT * FROM tiny.training").fetch_arrow_table().to_pylist()
    by_user = {row["user_id"]: row for row in rows}
    assert len(by_user) == 40
    outcomes_of = {answer["user_id"]: outcomes for answer, outcomes in told}
    for user, answer in zip(users, answers, strict=True):
        row = by_user[user["user_id"]]
        # To the last bit, as answered.
        assert row["propensity"] == answer["propensities"][0]
        assert row["recommender"] == answer["recommenders"][0]
        assert row["policy_version"] == answer["model_version"]
        assert row["campaign"] == "c1"
        assert row["sent_at"] == dt.datetime.fromisoformat(answer["generated_at"])
        assert (row["eligible_recommenders"] or []) == user["eligible_recommenders"]
        happened = outcomes_of.get(user["user_id"], {})
        assert row["clicked"] is happened.get("clicked", False)
        assert row["unsubscribed"] is happened.get("unsubscribed", False)
        assert row["basket"] == happened.get("basket", 0.0)
        features = {"colour": None, "height": None, "joined": None, "member": None, **user["features"]}
        if features["colour"] is not None:
            features["colour"] = features["colour"].strip()
        joined = row["joined"] and row["joined"].isoformat()
        assert {name: row[name] for name in features} | {"joined": joined} == features
    assert json.loads(file.read_bytes().splitlines()[0])["kind"] == "ranking"
