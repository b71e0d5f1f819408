"""Starts and stops the servers that these tests talk to."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NoReturn

import pytest

PROJECT = "newsletter-test"
FIRESTORE = "cloud-firestore-emulator/cloud-firestore-emulator.jar"
DATASTORE = "cloud-datastore-emulator/CloudDatastore.jar"
BIGQUERY = Path(__file__).resolve().parents[2] / ".tools" / "bigquery-emulator"


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def unavailable(reason: str) -> NoReturn:
    """Skips, saying why; where emulators are required this is a failure."""
    if os.environ.get("REQUIRE_EMULATORS") == "1":
        pytest.fail(f"REQUIRE_EMULATORS=1, but {reason}")
    pytest.skip(reason)


def emulator_command(port: int, folder: Path) -> list[str]:
    """Command line of the emulator that is installed; skips where there is none."""
    java = shutil.which("java")
    if java is None:
        unavailable("Java is not installed")
    root = os.environ.get("CLOUDSDK_ROOT")
    if root is None:
        gcloud = shutil.which("gcloud")
        if gcloud is None:
            unavailable("the Google Cloud SDK is not installed: no gcloud on the path, CLOUDSDK_ROOT not set")
        root = str(Path(gcloud).resolve().parents[1])
    platform = Path(root) / "platform"
    if (platform / FIRESTORE).is_file():
        return [
            java,
            *("-cp", str(platform / FIRESTORE)),
            "com.google.cloud.datastore.emulator.firestore.CloudFirestore",
            *("start", "--host=127.0.0.1", f"--port={port}", "--database-mode=datastore-mode"),
        ]
    if (platform / DATASTORE).is_file():
        base = [java, "-cp", str(platform / DATASTORE), "com.google.cloud.datastore.emulator.CloudDatastore"]
        subprocess.run(
            [*base, "create", f"--project_id={PROJECT}", str(folder)],
            check=True,
            capture_output=True,
            timeout=60,
        )
        options = [f"--port={port}", "--store_on_disk=false", "--consistency=1.0"]
        return [*base, "start", "--host=127.0.0.1", *options, str(folder)]
    unavailable(f"neither {FIRESTORE} nor {DATASTORE} is below {platform}")


def bigquery_program(name: str) -> tuple[str, dict[str, str]]:
    """Path of a program of the BigQuery emulator's environment, and the variables it runs with; skips without it."""
    program = BIGQUERY / "bin" / name
    if not program.is_file() or not (BIGQUERY / "installed.txt").is_file():
        unavailable("the BigQuery emulator is not installed: tests/emulators/setup_bigquery.sh")
    # Where setup_bigquery.sh has put DuckDB's extensions.
    return str(program), {**os.environ, "HOME": str(BIGQUERY / "home")}


def start(
    command: list[str], log: Path, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Starts a server in a process group of its own, its output in the log."""
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=log.parent,
            env=environment,
            start_new_session=True,
        )


def wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Returns once ``url`` answers 200; fails with the log where the process ends or stays silent."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"{url} never answered:\n{log.read_text(errors='replace')[-2000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the process by its id and waits for it."""
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
