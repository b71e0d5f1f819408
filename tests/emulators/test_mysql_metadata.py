"""A whole training run whose metadata lies in MariaDB, as in Cloud SQL."""

from __future__ import annotations

import datetime as dt
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_processes import free_port, start, stop, unavailable

from pipelines.errors import SettingsError
from pipelines.local import StepEvent, Workspace, train
from pipelines.metadata import connection_config
from pipelines.settings import MySQLMetadata, load_environment, load_use_case
from pipelines.simulated import simulate

pytestmark = [pytest.mark.emulator, pytest.mark.pipeline]

CONFIGS = Path(__file__).parents[2] / "configs"
RUN_DATE = dt.date(2026, 11, 23)
USER, PASSWORD, DATABASE = "bandit", "a password for the test", "metadata"
SECONDS = 60.0


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MySQLMetadata]:
    """A server of its own on loopback, with an empty database; ends with the module."""
    server = shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    install = shutil.which("mariadb-install-db")
    if server is None or install is None:
        unavailable("MariaDB is not installed: apt-get install mariadb-server")
    folder = tmp_path_factory.mktemp("mariadb")
    data, port = folder / "data", free_port()
    # As root the server wants to be told so; otherwise it runs as who starts it.
    owner = [f"--user={data.parent.owner()}"]
    subprocess.run(
        [install, "--no-defaults", f"--datadir={data}", "--skip-test-db", *owner],
        check=True,
        capture_output=True,
        timeout=SECONDS,
    )
    first = folder / "first.sql"
    first.write_text(
        f"CREATE DATABASE {DATABASE};\n"
        f"CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
        f"GRANT ALL ON {DATABASE}.* TO '{USER}'@'127.0.0.1';\n"
    )
    # Not in the test's folder: a socket's path may have 107 bytes.
    address = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={port}.sock", "--skip-name-resolve"]
    files = [f"--datadir={data}", f"--pid-file={folder / 'pid'}", f"--init-file={first}"]
    process = start([server, "--no-defaults", *owner, *files, *address], folder / "server.log")
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "server.log").read_text()[-3000:]
                assert time.monotonic() < deadline, "MariaDB did not come up"
                time.sleep(0.2)
        yield MySQLMetadata(kind="mysql", host="127.0.0.1", port=port, database=DATABASE, user=USER)
    finally:
        stop(process)


def test_a_whole_training_run_is_written_down(
    mariadb: MySQLMetadata, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml_metadata import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

    monkeypatch.setenv(mariadb.password_variable, PASSWORD)
    path = CONFIGS / "newsletter.yaml"
    use_case = load_use_case(path)
    environment = load_environment(CONFIGS / "environments" / "local.yaml").in_workdir(tmp_path, use_case)
    workspace = Workspace(use_case, path, environment.model_copy(update={"metadata": mariadb}), tmp_path)
    simulate(workspace, RUN_DATE, 8_000, 10, seed=3)
    events: list[StepEvent] = []
    outcome = train(workspace, RUN_DATE, events.append)
    assert outcome.verdict.verdict in ("blessed", "cannot_tell")

    store = MetadataStore(connection_config(mariadb))
    complete = metadata_store_pb2.Execution.COMPLETE
    executions = store.get_executions()
    steps = {event.step for event in events}
    assert {execution.last_known_state for execution in executions} == {complete}
    assert len(executions) == len(steps) == 12
    models = store.get_artifacts_by_type("Model")
    assert any(model.uri.startswith(str(tmp_path / "pipelines" / "newsletter-training")) for model in models)
    assert not (tmp_path / "metadata.sqlite").exists()


def test_without_the_password_it_says_which_variable(
    mariadb: MySQLMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(mariadb.password_variable, raising=False)
    with pytest.raises(SettingsError, match="METADATA_PASSWORD is not set; allowed: the password of bandit"):
        connection_config(mariadb)
