"""Real servers: a Datastore emulator (Firestore's in Datastore mode, or the older one), BigQuery and Cloud
Storage.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.emulators.google_services import GoogleServers, write_credentials
from tests.emulators.server_processes import (
    PROJECT,
    bigquery_program,
    emulator_command,
    free_port,
    start,
    stop,
    wait_until_ready,
)

if TYPE_CHECKING:
    from google.cloud import bigquery


@pytest.fixture(scope="session")
def datastore_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Starts the emulator on loopback; ``DATASTORE_EMULATOR_HOST`` names it until the session ends."""
    folder = tmp_path_factory.mktemp("datastore")
    log = folder / "emulator.log"
    port = free_port()
    command = emulator_command(port, folder / "data")
    process = start(command, log)
    address = f"127.0.0.1:{port}"
    try:
        wait_until_ready(process, f"http://{address}/", log)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATASTORE_EMULATOR_HOST", address)
            yield address
    finally:
        stop(process)


@pytest.fixture
def namespace() -> str:
    """A namespace of its own keeps a test's entities apart."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def google_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleServers]:
    """Starts local-bigquery and gcp-storage-emulator on loopback, until the session ends."""
    folder = tmp_path_factory.mktemp("bigquery")
    program, environment = bigquery_program("local-bigquery")
    storage_program, _ = bigquery_program("gcp-storage-emulator")
    ports = [free_port() for _ in range(3)]
    bigquery, storage = (f"http://127.0.0.1:{port}" for port in ports[:2])
    processes = []
    try:
        bucket = "newsletter-test"
        log = folder / "storage.log"
        options = ["--host=127.0.0.1", f"--port={ports[1]}", "--in-memory", f"--default-bucket={bucket}"]
        processes.append(start([storage_program, "start", *options], log, environment))
        wait_until_ready(processes[-1], f"{storage}/storage/v1/b?project={PROJECT}", log)
        log = folder / "bigquery.log"
        options = ["--host=127.0.0.1", f"--port={ports[0]}", f"--grpc-port={ports[2]}"]
        options += [f"--data-dir={folder / 'data'}", f"--project={PROJECT}"]
        environment = {**environment, "STORAGE_EMULATOR_HOST": storage}
        processes.append(start([program, *options], log, environment))
        wait_until_ready(processes[-1], f"{bigquery}/bigquery/v2/projects/{PROJECT}/datasets", log)
        yield GoogleServers(bigquery, storage, bucket, write_credentials(folder / "credentials.json"))
    finally:
        for process in processes:
            stop(process)


@pytest.fixture(scope="module")
def google(google_servers: GoogleServers) -> Iterator[GoogleServers]:
    """The environment that makes Google's clients talk to the emulators."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIGQUERY_EMULATOR_HOST", google_servers.bigquery)
        patch.setenv("STORAGE_EMULATOR_HOST", google_servers.storage)
        patch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(google_servers.credentials))
        patch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
        yield google_servers


@pytest.fixture(scope="module")
def bigquery_client(google: GoogleServers) -> bigquery.Client:
    """Google's own client, to fill tables and look at them."""
    from google.cloud import bigquery

    return bigquery.Client(project=PROJECT)
