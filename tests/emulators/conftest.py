"""A real Datastore: Firestore's emulator in Datastore mode, or the older Datastore emulator."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator

import pytest
from server_processes import emulator_command, free_port, stop, wait_until_ready


@pytest.fixture(scope="session")
def datastore_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Starts the emulator on loopback; ``DATASTORE_EMULATOR_HOST`` names it until the session ends."""
    folder = tmp_path_factory.mktemp("datastore")
    log = folder / "emulator.log"
    port = free_port()
    command = emulator_command(port, folder / "data")
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            start_new_session=True,
        )
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
