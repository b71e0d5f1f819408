"""Starts and stops the servers that these tests talk to; without what a server needs they skip, and say
so.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from benchmarks import servers
from benchmarks.servers import PROJECT, free_port, start, stop

__all__ = [
    "PROJECT",
    "bigquery_program",
    "emulator_command",
    "free_port",
    "start",
    "stop",
    "unavailable",
    "wait_until_ready",
]

BIGQUERY = Path(__file__).resolve().parents[2] / ".tools" / "bigquery-emulator"


def unavailable(reason: str) -> NoReturn:
    """Skips and says why; fails instead if emulators are required."""
    if os.environ.get("REQUIRE_EMULATORS") == "1":
        pytest.fail(f"REQUIRE_EMULATORS=1, but {reason}")
    pytest.skip(reason)


def emulator_command(port: int, folder: Path) -> list[str]:
    """Command line of the emulator that is installed; skips where there is none."""
    try:
        return servers.emulator_command(port, folder)
    except servers.MissingError as error:
        unavailable(str(error))


def bigquery_program(name: str) -> tuple[str, dict[str, str]]:
    """Path of a program of the BigQuery emulator's environment, and the variables it runs with; skips without
    it.
    """
    program = BIGQUERY / "bin" / name
    if not program.is_file() or not (BIGQUERY / "installed.txt").is_file():
        unavailable("the BigQuery emulator is not installed: tests/emulators/setup_bigquery.sh")
    # Where setup_bigquery.sh has put DuckDB's extensions.
    return str(program), {**os.environ, "HOME": str(BIGQUERY / "home")}


def wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Returns once ``url`` answers 200; fails with the log where the process ends or stays silent."""
    try:
        servers.wait_until_ready(process, url, log)
    except servers.ServerError as error:
        pytest.fail(str(error))
