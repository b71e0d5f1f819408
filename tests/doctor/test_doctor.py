"""The examination of a set-up: what is broken is named, with what to do, and hides nothing else."""

from __future__ import annotations

import datetime as dt
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from newsletter_bandit.settings.environment import MySQLMetadata
from pipelines.cli.status import lines
from pipelines.doctor import machine
from pipelines.doctor.examining import examine
from pipelines.status.findings import Finding, Severity, Status
from pipelines.workspace import Workspace
from serving.stores.sqlite import SQLiteStore
from tests.local_files import rankings_file, warehouse_file
from tests.rankings import make_ranking
from tests.set_up import ROOT, TODAY, VERSION, fill, placed

OK, WARNING, CRITICAL = Severity
SCHEMA = "feature { name: '%s' type: BYTES }\n"


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(tmp_path_factory.mktemp("doctor"))


@pytest.fixture
def workspace(healthy: Workspace, tmp_path: Path) -> Workspace:
    """A copy that a test may break, with its schema."""
    shutil.copytree(healthy.workdir, tmp_path / "work")
    workspace = placed(healthy.use_case, tmp_path / "work")
    workspace.schema_file.parent.mkdir(parents=True)
    columns = (*workspace.use_case.example_columns, *workspace.use_case.features)
    workspace.schema_file.write_text("".join(SCHEMA % name for name in columns))
    return workspace


def found(workspace: Workspace) -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine(workspace, TODAY, min_free_gb=0.0).findings}


def test_a_healthy_set_up(workspace: Workspace) -> None:
    status = examine(workspace, TODAY, min_free_gb=0.0)
    assert status.summary == (
        "ok: packages, folder, clock, settings, schema, tables, registry, rankings, metadata"
    )
    words = {finding.subject: finding.words for finding in status.findings}
    assert words["registry"] == f"{VERSION} is in production, its files as they were published; 1 in all"
    assert words["rankings"] == "2 can be read"
    assert "tiny.training" in words["tables"]
    assert not any(finding.advice for finding in status.findings)


def test_a_new_set_up_is_told_what_comes_first(tmp_path: Path, healthy: Workspace) -> None:
    new = found(placed(healthy.use_case, tmp_path / "new"))
    assert (new["tables"].severity, new["schema"].severity) == (WARNING, WARNING)
    assert "newsletter-bandit ingest" in new["tables"].advice
    assert not (tmp_path / "new").exists()
    assert max(finding.severity for finding in new.values()) == WARNING


def _dropped_column(workspace: Workspace) -> None:
    with duckdb.connect(warehouse_file(workspace.environment)) as connection:
        connection.execute("ALTER TABLE tiny.training DROP COLUMN height")


def _no_warehouse(workspace: Workspace) -> None:
    Path(warehouse_file(workspace.environment)).write_text("no database at all")


def _flipped_byte(workspace: Workspace) -> None:
    (model,) = Path(workspace.environment.registry).rglob("saved_model.pb")
    model.write_text("b model")


def _pointer_to_nothing(workspace: Workspace) -> None:
    (pointer,) = Path(workspace.environment.registry).rglob("CURRENT")
    pointer.write_text('{"version": "20240120T101500Z-00000000"}')


def _other_use_case(workspace: Workspace) -> None:
    store = SQLiteStore(rankings_file(workspace.environment))
    store.put_many([make_ranking(user_id="user-9", use_case="hillstrom")])
    store.close()


def _torn_store(workspace: Workspace) -> None:
    path = Path(rankings_file(workspace.environment))
    for beside in path.parent.glob(f"{path.name}-*"):
        beside.unlink()
    content = bytearray(path.read_bytes())
    content[4096:4196] = b"\xff" * 100
    path.write_bytes(bytes(content))


def _no_metadata(workspace: Workspace) -> None:
    (workspace.workdir / "metadata.sqlite").write_text(
        "no database at all, but longer than its header is" * 9
    )


def _schema_of_before(workspace: Workspace) -> None:
    text = workspace.schema_file.read_text()
    workspace.schema_file.write_text(text.replace(SCHEMA % "height", ""))


def _no_schema(workspace: Workspace) -> None:
    workspace.schema_file.write_text("feature {")


@pytest.mark.parametrize(
    ("damage", "subject", "words"),
    [
        (_dropped_column, "tables", "tiny.training.height is missing, needed FLOAT64"),
        (_no_warehouse, "tables", "not a DuckDB file"),
        (_flipped_byte, "registry", "saved_model.pb"),
        (_pointer_to_nothing, "registry", "points at 20240120T101500Z-00000000, which is missing"),
        (_other_use_case, "rankings", "holds rankings of the use case hillstrom"),
        (_torn_store, "rankings", "rankings-newsletter.sqlite"),
        (_no_metadata, "metadata", "metadata.sqlite: file is not a database"),
        (_schema_of_before, "schema", "lacks height"),
        (_no_schema, "schema", "newsletter.pbtxt: cannot be read"),
    ],
)
def test_what_is_broken_is_named_and_nothing_else(
    workspace: Workspace, damage: Callable[[Workspace], None], subject: str, words: str
) -> None:
    damage(workspace)
    broken = {name: finding for name, finding in found(workspace).items() if finding.severity}
    assert words in broken.pop(subject).words
    # A pointer to nothing is the clock's business too, which looks at the newest version.
    assert not broken


def test_a_full_disk_is_a_warning_that_names_what_is_large(workspace: Workspace) -> None:
    finding = machine.folder(workspace, min_free_gb=1e9)
    assert finding.severity is WARNING
    assert "expected at least 1e+09; largest: warehouse.duckdb" in finding.words


def test_a_folder_in_the_place_of_which_a_file_stands(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finding = machine.folder(placed(workspace.use_case, tmp_path / "file" / "work"), min_free_gb=0.0)
    assert (finding.severity, finding.words) == (CRITICAL, f"{tmp_path / 'file'}: is no folder")


def test_a_clock_that_is_behind_the_newest_version(workspace: Workspace) -> None:
    finding = machine.clock(workspace, TODAY.replace(day=19))
    assert finding.severity is WARNING
    assert f"the newest version, {VERSION}, was published later than now" in finding.words


def test_a_password_that_is_not_set(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METADATA_PASSWORD", raising=False)
    server = MySQLMetadata(kind="mysql", host="db.example", database="mlmd", user="tfx")
    environment = workspace.environment.model_copy(update={"metadata": server})
    changed = Workspace(workspace.use_case, workspace.use_case_path, environment, workspace.workdir)
    finding = found(changed)["access"]
    assert finding.severity is CRITICAL
    assert finding.words == "the environment variable METADATA_PASSWORD is not set"


def test_the_lines_fit_a_terminal(workspace: Workspace) -> None:
    _dropped_column(workspace)
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(lines(examine(workspace, TODAY)))
    assert isinstance(console.file, io.StringIO)
    assert max(map(len, console.file.getvalue().splitlines())) <= 80


def test_a_path_longer_than_its_line_is_shown_whole() -> None:
    path = "/srv/newsletter/" + 3 * "registry/20261130T060754Z-78f448b3/" + "saved_model.pb"
    found = Status("newsletter", "local", dt.datetime.now(dt.UTC), (Finding("registry", CRITICAL, path),))
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(lines(found))
    assert isinstance(console.file, io.StringIO)
    assert path in "".join(console.file.getvalue().split())


def test_the_command_exits_with_what_it_found(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipelines.cli.main", "doctor", "--workdir", str(tmp_path / "new")]
    run = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.returncode == 4, run.stderr
    assert json.loads(run.stdout)["status"] == "warning"
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: [1]\n")
    run = subprocess.run(
        [*command, "--use-case", str(wrong)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert run.returncode == 5
    assert "critical settings" in " ".join(run.stdout.split())
    assert "nothing else was examined" in run.stdout
