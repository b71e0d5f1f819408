"""Starts and stops servers on this machine's loopback: Datastore's emulator, and functions through
functions-framework.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

PROJECT = "newsletter-test"
FIRESTORE = "cloud-firestore-emulator/cloud-firestore-emulator.jar"
DATASTORE = "cloud-datastore-emulator/CloudDatastore.jar"


class MissingError(Exception):
    """Something that a server needs is not installed; the message says what."""


class ServerError(Exception):
    """A server ended or stayed silent; the message ends with its log."""


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def emulator_command(port: int, folder: Path) -> list[str]:
    """Command line of the Datastore emulator that is installed.

    Raises:
      MissingError: there is none.
    """
    java = shutil.which("java")
    if java is None:
        raise MissingError("Java is not installed")
    root = os.environ.get("CLOUDSDK_ROOT")
    if root is None:
        gcloud = shutil.which("gcloud")
        if gcloud is None:
            raise MissingError(
                "the Google Cloud SDK is not installed: no gcloud on the path, CLOUDSDK_ROOT not set"
            )
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
    raise MissingError(f"neither {FIRESTORE} nor {DATASTORE} is below {platform}")


@contextlib.contextmanager
def datastore_emulator() -> Iterator[str]:
    """Runs the emulator; gives its address, HOST:PORT.

    Raises:
      MissingError: none is installed.
      ServerError: it does not answer.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        log = folder / "emulator.log"
        process = start(emulator_command(port, folder / "data"), log)
        try:
            wait_until_ready(process, f"http://127.0.0.1:{port}/", log)
            yield f"127.0.0.1:{port}"
        finally:
            stop(process)


def function_command(source: Path, target: str, port: int) -> list[str]:
    """Command line that serves a function as its deployment does."""
    return [
        *(sys.executable, "-m", "functions_framework", f"--target={target}"),
        *("--source", str(source), "--host=127.0.0.1", f"--port={port}"),
    ]


def start(
    command: list[str], log: Path, environment: Mapping[str, str] | None = None
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


def wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path, pause: float = 0.1) -> None:
    """Returns once ``url`` answers 200, asked again after ``pause`` seconds.

    Raises:
      ServerError: the process ends, or ten minutes pass.
    """
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(pause)
    raise ServerError(f"{url} never answered:\n{log.read_text(errors='replace')[-2000:]}")


def peak_mib(process: subprocess.Popen[bytes]) -> float:
    """Most memory that the process and its children have held, MiB; what they share counts for each."""
    pids = [
        process.pid,
        *map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()),
    ]
    held = 0.0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                held += int(line.split()[1]) / 1024
    return held


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the process by its id and waits for it."""
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
