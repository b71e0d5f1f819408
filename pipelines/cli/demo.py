"""The demonstration: the whole loop on simulated newsletters, and the truth, which only a simulator knows."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from newsletter_bandit.errors import SettingsError, UserError
from newsletter_bandit.ranking_store import open_store
from pipelines.cli import local_runs, summary
from pipelines.cli.progress import StepProgress
from pipelines.cli.simulated_tables import simulate
from pipelines.endpoint import serving_config
from pipelines.local import libraries
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from newsletter_bandit.simulation.truth import PolicyValues
    from newsletter_bandit.simulation.world import World
    from pipelines.cli.session import Session

_MARKER = ".made-by-demo"
_SECONDS_TO_START = 60.0


def run(
    session: Session,
    workspace: Workspace,
    run_date: dt.date,
    newsletters: int,
    users: int,
    seed: int,
    *,
    keep: bool,
    world_file: Path | None = None,
) -> None:
    """Simulates, ingests, trains, gates, publishes, predicts, stores, serves, and compares with the truth.

    Args:
      session: where to print; its log is opened once the folder is ready.
      workspace: use case and environment; its folder is emptied first unless ``keep``.
      run_date: day of training and prediction.
      newsletters: logged newsletters in the training window.
      users: users to predict for.
      seed: draws the simulated world.
      keep: continues with the models in the folder.
      world_file: what the world is made of; see `simulated_tables.world_of`.

    Raises:
      SettingsError: the folder holds something that the demo did not make.
      DataError: the gate did not bless the first model, so nothing is in production.
    """
    words = workspace.use_case.words
    started = time.monotonic()
    prepare(workspace.workdir, keep=keep)
    session.open_log()
    out = session.out

    _heading(out, f"1  Simulate {words.units} and ingest them")
    with StepProgress(out, "Simulating"):
        libraries.load()
        world = simulate(workspace, run_date, newsletters, users, seed, world_file)
    out.print(
        f"  {newsletters:,} logged {words.units} in the window, {users:,} {words.subjects} to predict for "
        f"(seed {seed}); files in {escape(str(workspace.workdir / 'raw'))}"
    )
    _heading(out, "2  Train, evaluate off-policy, decide, publish")
    with local_runs.alone(out, workspace, "training"):
        trained = local_runs.train(out, workspace, run_date, again=True)
    _heading(out, f"3  Predict for every {words.subject} and store the rankings")
    with local_runs.alone(out, workspace, "prediction"):
        local_runs.predict(out, workspace, run_date)
    _heading(out, "4  Ask the endpoint")
    with endpoint(workspace) as address:
        _ask(out, f"{address}/users/{world.user_ids(world.everyone[:1])[0]}/recommenders?limit=3")
    _heading(out, "5  Compare with the truth, which only a simulator knows")
    values = _score(workspace, world, users, run_date)
    out.print(summary.truth(values, words))
    out.print(summary.truth_sentence(values))
    out.print(f"\nDone in {time.monotonic() - started:.0f} s. To continue:")
    user_id = world.user_ids(world.everyone[:1])[0]
    # As it was called: `make demo` does not put the command on the PATH.
    command = sys.argv[0] if Path(sys.argv[0]).name == "newsletter-bandit" else "newsletter-bandit"
    for line in continuing(workspace, command, user_id):
        out.print(f"  {line}", markup=False, soft_wrap=True)
    if trained is not None:
        out.print(summary.report(trained.report), markup=False, soft_wrap=True)


def continuing(workspace: Workspace, command: str, user_id: str) -> list[str]:
    """The commands that go on with what the demonstration made."""
    options = workspace.options
    if options is None:
        options = f"--workdir {shlex.quote(str(workspace.workdir))}"
    return [
        f"{command} serve {options}".rstrip(),
        f"curl 'http://127.0.0.1:8080/users/{user_id}/recommenders'",
        f"{command} models list {options}".rstrip(),
    ]


def prepare(workdir: Path, *, keep: bool) -> None:
    """Makes the folder, or empties the folder of an earlier demo, unless ``keep``.

    Raises:
      SettingsError: the folder holds something else, or cannot be made.
    """
    marker = workdir / _MARKER
    if workdir.is_dir() and any(workdir.iterdir()) and not marker.is_file():
        raise SettingsError(
            f"--workdir {workdir}: holds files that the demo did not make; use a new or empty folder, "
            "or the folder of an earlier demo, which is emptied"
        )
    if marker.is_file() and not keep:
        shutil.rmtree(workdir)
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        marker.touch()
    except OSError as error:
        raise SettingsError(
            f"--workdir {workdir}: {error.strerror}; use a folder that can be written"
        ) from error


def _heading(out: Console, text: str) -> None:
    out.print(f"\n[bold cyan]{text}[/]")


def _score(workspace: Workspace, world: World, users: int, day: dt.date) -> PolicyValues:
    from newsletter_bandit.simulation.truth import first_slots, policy_values

    asked = world.everyone[:users]
    store = open_store(workspace.environment.store)
    try:
        rankings = store.get_many(world.user_ids(asked))
    finally:
        store.close()
    stored = {user_id: ranking.recommenders for user_id, ranking in rankings.items()}
    served = first_slots(world, asked, stored, workspace.use_case.default_ranking)
    return policy_values(world, asked, day, served)


@contextlib.contextmanager
def endpoint(workspace: Workspace) -> Iterator[str]:
    """Serves on a free port of this machine in a separate process; yields the address once it answers.

    Raises:
      UserError: the endpoint did not come up.
    """
    port = _free_port()
    config = serving_config(workspace.use_case, workspace.environment)
    program = (
        "from serving.config import ServingConfig; from serving.server import serve; "
        f"serve(ServingConfig.from_env(), '127.0.0.1', {port})"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.DEVNULL, env=os.environ | config.to_env()
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(server, address)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=_SECONDS_TO_START)


def _wait(server: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while server.poll() is None and time.monotonic() < deadline:
        try:
            _get(f"{address}/health")
        except urllib.error.URLError:
            time.sleep(0.1)
        else:
            return
    raise UserError(f"the endpoint at {address} did not come up; its messages are in the log")


def _ask(out: Console, url: str) -> None:
    out.print(f"  GET {url}", markup=False, soft_wrap=True)
    out.print_json(json.dumps(_get(url)))


def _get(url: str) -> Any:
    # Never through a proxy: the endpoint is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10.0) as response:
        return json.load(response)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
