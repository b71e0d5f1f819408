"""The shell commands of a user's first pages run, in their order, in one folder, at a small size."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import typer

from pipelines.cli.main import app
from tests.docs.pages import ROOT, code_lines
from tests.messy_log import LAST_DAY, SPLIT, write_messy_log
from tests.small_newsletter import write_settings

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

PAGES = ("README.md", "docs/own_data.md", "docs/report.md", "docs/console.md", "docs/operations.md")
# Words with which a line for a shell begins, besides the programs that are there.
_SHELL = frozenset((
    "newsletter-bandit", "source", "case", "cd", "export", "sudo", "make", "curl", "docker", "uv", "pip",
    "python", "gcloud", "bq", "terraform", "systemctl", "crontab", "iconv", "ssh",
))  # fmt: skip

# Commands that do not run here, each by its beginning with the reason; `test_commands.py` still parses them.
NOT_RUN = {
    "make test": "runs these tests",
    "source .venv/bin/activate": "the tests are in the environment",
    "sudo ": "needs root, and a systemd that may be changed",
    "case $?": "translates the exit code of the line before, for a monitoring program",
    "newsletter-bandit build-tables --environment configs/environments/vertex.yaml": "needs Google Cloud",
    "newsletter-bandit submit training": "needs Google Cloud",
    "newsletter-bandit schedule  ": "needs Google Cloud, as its environment is vertex.yaml",
    "newsletter-bandit deploy-function": "needs Google Cloud",
    "newsletter-bandit status --environment configs/environments/vertex.yaml": "needs Google Cloud",
    "newsletter-bandit init versand.csv  ": "asks in a terminal; with `--yes` it runs below on the page",
}
# Commands that run smaller than they are shown, or on what is there instead of a name of the past.
CHANGED: dict[str, str] = {
    # The demo loads its tables; `cli/test_build_tables_command.py` builds them.
    "newsletter-bandit train   --build-table": "newsletter-bandit train",
    "newsletter-bandit predict --build-table": "newsletter-bandit predict",
    "make demo": "newsletter-bandit demo --users 300 --newsletters 5000",
    "newsletter-bandit demo --keep": "newsletter-bandit demo --keep --users 300 --newsletters 5000",
    "newsletter-bandit simulate --weeks 8 --agent boltzmann --agent lin_ucb --seeds 3 --newsletters 50000": (
        "newsletter-bandit simulate --weeks 1 --agent lin_ucb --seeds 1 --newsletters 2000 --users 200"
    ),
    "newsletter-bandit models show 20261122 --workdir": "newsletter-bandit models show VERSION --workdir",
    "newsletter-bandit models card 20261123T101500Z": "newsletter-bandit models card VERSION",
    "newsletter-bandit report 20261123T101500Z": "newsletter-bandit report VERSION",
    "newsletter-bandit report 20261123 --workdir": "newsletter-bandit report VERSION --workdir",
    # A version that is in production can be approved too.
    "newsletter-bandit models approve 20261123": "newsletter-bandit models approve VERSION",
}
# What the other pages go on from; a fixture runs it.
DEMO = ("make demo", "newsletter-bandit demo --keep")
# A status that is not ok, as of a folder with little in it, is an answer.
CODES = {"status": {0, 4, 5}, "doctor": {0, 4}}
# Few rows and one pass over them: what is learned does not matter here, and the gate shall bless it.
QUICK = {
    "agent": {"type": "lin_ucb", "alpha": 0.1, "l2": 300.0},
    "warm_start": {"enabled": False},
    "reward": {"terms": {"clicked": 1.0}},
    "eval_share": 0.4,
    "gate": {
        "min_rows": 100,
        "min_effective_sample_size": 10,
        "max_weight": 100_000,
        "max_clipped_weight": 1.0,
        "mean_weight_tolerance": 1.0,
        "sample_ratio_tolerance": 1.0,
        "min_auc": 0.0,
        "allowed_margin": "99%",
        "confidence": 0.51,
        "max_unsubscribe_ratio": None,
        "reference": None,
    },
    "storing": {"max_first_share": 1.0, "min_distinct_rankings": 1, "max_share_change": 1.0},
}


def shell_lines(page: str) -> Iterator[tuple[int, str]]:
    """Number and text of each line of the page's blocks for a shell, without its comment.

    A block is for a shell if its first line begins with a program; others show what is printed, or a file.
    """
    raw = (ROOT / page).read_text(encoding="utf-8").splitlines()
    last, for_shell = 0, False
    for number, line in code_lines(ROOT / page):
        plain = re.sub(r"\s+#.*", "", line).strip()
        if any(not each.startswith("    ") for each in raw[last : number - 1]):
            first = plain.split()[0] if plain else ""
            program = first in _SHELL or bool(first and shutil.which(first))
            for_shell = not raw[number - 2].startswith("```") and (program or bool(re.match(r"\w+=", plain)))
        last = number
        if for_shell and plain:
            yield number, plain


def why_not(line: str) -> str | None:
    """Why a line does not run; None where it does."""
    # A beginning that ends with two blanks is the whole line.
    return next((why for start, why in NOT_RUN.items() if f"{line}  ".startswith(start)), None)


class Sandbox:
    """A folder in which the commands run, one after the other.

    The program runs in this process, so that TensorFlow is loaded once; what serves runs beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables: dict[str, str] = {}
        self.server: subprocess.Popen[bytes] | None = None
        self.port = 0

    def run(self, line: str) -> None:
        """Runs one line; fails where its exit code is another than it should be."""
        assigned = re.fullmatch(r'(\w+)="([^"]*)"', line)
        if assigned:
            self.variables[f"${assigned[1]}"] = assigned[2]
            return
        for shown, changed in CHANGED.items():
            if line.startswith(shown):
                line = line.replace(shown, changed, 1)
        for name, value in self.variables.items():
            line = line.replace(name, value)
        words = shlex.split(line.replace("/srv/newsletter", "demo"))
        words = [self._version() if word == "VERSION" else word for word in words]
        if words[0] == "curl":
            self.ask(words[-1])
            return
        self.stop()
        assert words[0] == "newsletter-bandit", (
            f"{line}: nothing here runs it, and `NOT_RUN` does not name it"
        )
        if words[1] in ("serve", "console"):
            self._serve(words[1:])
            return
        with pytest.raises(SystemExit) as end:
            typer.main.get_command(app).main(words[1:], prog_name="newsletter-bandit")
        code = int(end.value.code or 0)
        assert code in CODES.get(words[1], {0}), f"{line}: ended with {code}"

    def stop(self) -> None:
        """Ends the server, as Ctrl-C does."""
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            assert self.server.wait(timeout=60) in (0, 130)
            self.server = None

    def _serve(self, words: list[str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "pipelines.cli.main", *words, "--port", str(self.port)]
        self.server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=60):
                    return
            except urllib.error.HTTPError:  # the console answers without its key, too
                return
            except urllib.error.URLError:
                assert self.server.poll() is None, f"{words}: ended with {self.server.returncode}"
                time.sleep(0.1)

    def ask(self, address: str) -> list[str]:
        """The recommenders that the endpoint which was started last has for a user."""
        with urllib.request.urlopen(address.replace(":8080", f":{self.port}"), timeout=60) as response:
            found = json.load(response)
        assert found["source"] == "personalised"
        return list(found["recommenders"])

    def _version(self) -> str:
        versions = sorted((self.folder / "demo" / "registry" / "newsletter").glob("2*Z-*"))
        return versions[-1].name[:16]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The folder, with the configurations and the files that the pages name."""
    folder = tmp_path_factory.mktemp("sandbox")
    shutil.copytree(ROOT / "configs", folder / "configs")
    for name in ("newsletter.yaml", "schemas/newsletter.pbtxt"):
        (folder / "configs" / name).unlink()
    (folder / "small").mkdir()
    settings = write_settings(folder / "small", **QUICK)
    shutil.move(settings, folder / "configs" / "newsletter.yaml")
    shutil.move(folder / "small" / "schemas" / "newsletter.pbtxt", folder / "configs" / "schemas")
    write_messy_log(folder / "versand.csv", sends=12_000, last_day=LAST_DAY)
    _hillstrom(folder)
    _evaluated(folder / "log.parquet")
    made = Sandbox(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("BROWSER", "true")  # a program that does nothing opens the pages
        yield made
        made.stop()


@pytest.fixture(scope="module")
def demo(sandbox: Sandbox) -> Path:
    """The folder of `make demo`, with two published versions."""
    for line in DEMO:
        sandbox.run(line)
    return sandbox.folder / "demo"


def _hillstrom(folder: Path) -> None:
    """A small file like that of the public experiment; its settings want fewer rows."""
    rng = np.random.default_rng(1)
    arms, n = np.array(["Mens E-Mail", "Womens E-Mail", "No E-Mail"]), 3_000
    table = pa.table(
        {
            "recency": rng.integers(1, 13, n),
            "history_segment": rng.choice(["1) $0 - $100", "2) $100 - $200"], n),
            "history": rng.lognormal(5, 1, n).round(2),
            "mens": rng.integers(0, 2, n),
            "womens": rng.integers(0, 2, n),
            "zip_code": rng.choice(["Rural", "Urban", "Surburban"], n),
            "newbie": rng.integers(0, 2, n),
            "channel": rng.choice(["Web", "Phone", "Multichannel"], n),
            "segment": arms[rng.integers(0, 3, n)],
            "visit": rng.integers(0, 2, n),
        }
    )
    pyarrow.csv.write_csv(table, folder / "hillstrom.csv")
    path = folder / "configs" / "hillstrom.yaml"
    text = path.read_text().replace("min_rows: 5000", "min_rows: 500").replace("10%", "99%")
    path.write_text(text.replace("size: 1000", "size: 50").replace("min_auc: 0.5", "min_auc: 0.0"))


def _evaluated(path: Path) -> None:
    """The log that the README evaluates."""
    rng = np.random.default_rng(1)
    likes, shown = rng.integers(0, 3, (2, 5_000))
    columns: dict[str, Any] = {
        "recommender": shown,
        "reward": (rng.random(5_000) < np.where(shown == likes, 0.3, 0.1)).astype(float),
        "propensity": np.full(5_000, 1 / 3),
        "new_policy": np.where(shown == likes, 0.8, 0.1),
    }
    pyarrow.parquet.write_table(pa.table(columns), path)


def _run(sandbox: Sandbox, page: str) -> None:
    try:
        for number, line in shell_lines(page):
            if why_not(line) is None and line not in DEMO:
                print(f"{page}:{number}: {line}", flush=True)
                sandbox.run(line)
    finally:
        sandbox.stop()


def test_the_first_page(sandbox: Sandbox, demo: Path) -> None:
    _run(sandbox, "README.md")
    assert (demo / "rankings-newsletter.sqlite").exists()


def test_ones_own_data(sandbox: Sandbox, capfd: pytest.CaptureFixture[str]) -> None:
    def said(line: str) -> str:
        capfd.readouterr()
        sandbox.run(line)
        return capfd.readouterr().out

    lines = [line for _, line in shell_lines("docs/own_data.md") if why_not(line) is None]
    (init,) = (line for line in lines if line.startswith("newsletter-bandit init "))
    then = [line for line in lines if line != init]
    printed = said(init)
    # The page shows what `init` prints, and nothing else is needed on the way to a ranking.
    assert re.findall(r"^  (newsletter-bandit .*)", printed, re.MULTILINE) == then
    ingest, train, *rest = map(said, then)
    assert "12,000 of 12,000 rows loaded into versand.training." in ingest
    assert "Blessed" in train
    assert "rankings stored" in rest[0]
    (asked,) = re.findall(r"curl (http://\S+)", printed)
    assert sorted(sandbox.ask(asked)) == sorted(SPLIT)
    sandbox.stop()


@pytest.mark.parametrize("page", PAGES[2:])
def test_a_page_of_the_weeks_after(sandbox: Sandbox, demo: Path, page: str) -> None:
    default = sandbox.folder / "workdir"
    if default.exists() and not default.is_symlink():
        shutil.rmtree(default)
    if not default.exists():
        default.symlink_to(demo)
    _run(sandbox, page)


def test_every_line_that_does_not_run_is_on_a_page() -> None:
    shown = [line for page in PAGES for _, line in shell_lines(page)]
    for start in NOT_RUN:
        assert any(f"{line}  ".startswith(start) for line in shown), start
    for start in CHANGED:
        assert any(line.startswith(start) for line in shown), start
