"""The function as it is deployed: what is staged answers alone, and gcloud gets exactly what the settings
say.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.cloud import CloudFunction
from newsletter_bandit.settings.environment import Environment
from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.settings.use_case import UseCase
from pipelines.cloud import function as deploy_function
from serving.stores.sqlite import SQLiteStore
from tests.rankings import make_ranking

ROOT = Path(__file__).parents[2]
# Starts functions-framework where the project's packages cannot be imported.
ALONE = """
import sys
sys.modules.update(dict.fromkeys(("pipelines", "components", "serving", "newsletter_bandit"), None))
from functions_framework._cli import _cli
_cli()
"""
# A gcloud that writes its arguments down, says two lines and ends as it is told.
GCLOUD = """#!{python}
import json, os, sys
with open({record!r}, "w") as record:
    json.dump(sys.argv[1:], record)
print(os.environ.get("GCLOUD_SAYS", "Deploying..."), file=sys.stderr)
print("https://recommenders.example")
sys.exit(int(os.environ.get("GCLOUD_EXIT", "0")))
"""


@pytest.fixture
def use_case() -> UseCase:
    return load_use_case(ROOT / "configs" / "newsletter.yaml")


@pytest.fixture
def environment(use_case: UseCase, tmp_path: Path) -> Environment:
    settings = load_environment(ROOT / "configs" / "environments" / "vertex.yaml")
    return settings.in_workdir(tmp_path, use_case)


@pytest.fixture
def gcloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts the recording gcloud first on the path; returns where it writes."""
    record = tmp_path / "arguments.json"
    program = tmp_path / "bin" / "gcloud"
    program.parent.mkdir()
    program.write_text(GCLOUD.format(python=sys.executable, record=str(record)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return record


def with_function(environment: Environment, **changes: Any) -> Environment:
    assert environment.function is not None
    settings = {**environment.function.model_dump(), **changes}
    return environment.model_copy(update={"function": CloudFunction.model_validate(settings)})


def test_the_command_carries_every_setting(
    use_case: UseCase, environment: Environment, tmp_path: Path
) -> None:
    settings = with_function(
        environment,
        service_account="reader@my-project.iam.gserviceaccount.com",
        build_service_account="builder@my-project.iam.gserviceaccount.com",
        ingress="internal-only",
        memory="1Gi",
        cpu=2,
        min_instances=0,
        max_instances=7,
        concurrency=33,
        timeout_seconds=5,
        labels={"team": "mail", "env": "production"},
    )
    deployment = deploy_function.prepare(use_case, settings, tmp_path / "function")
    assert deployment.command == (
        "gcloud",
        "functions",
        "deploy",
        "recommenders-newsletter",
        "--gen2",
        "--trigger-http",
        "--no-allow-unauthenticated",
        "--quiet",
        "--format=value(url)",
        "--project=my-project",
        "--region=europe-west1",
        "--runtime=python313",
        "--entry-point=recommenders",
        f"--source={tmp_path}/function/source",
        f"--env-vars-file={tmp_path}/function/variables.yaml",
        "--service-account=reader@my-project.iam.gserviceaccount.com",
        "--build-service-account=projects/my-project/serviceAccounts/builder@my-project.iam.gserviceaccount.com",
        "--ingress-settings=internal-only",
        "--memory=1Gi",
        "--cpu=2",
        "--min-instances=0",
        "--max-instances=7",
        "--concurrency=33",
        "--timeout=5s",
        "--update-labels=env=production,team=mail",
    )


def test_the_variables_are_those_the_endpoint_reads(
    use_case: UseCase, environment: Environment, tmp_path: Path
) -> None:
    deployment = deploy_function.prepare(use_case, environment, tmp_path)
    assert yaml.safe_load(deployment.variables.read_text()) == {
        "RANKING_STORE": "datastore:my-project/Ranking?namespace=newsletter",
        "USE_CASE": "newsletter",
        "UNKNOWN_USER": "default",
        "DEFAULT_RANKING": '["bestsellers", "top_rated", "deals", "new_arrivals"]',
        "STORE_AWAY": "unavailable",
        "STORE_DEADLINE_SECONDS": "1",
        "HEAD_SECONDS": "5",
        "BODY_SECONDS": "10",
        "MAX_CONNECTIONS": "1000",
        "MAX_BUFFERED_MIB": "64",
    }


def test_the_printed_command_survives_the_shell(
    use_case: UseCase, environment: Environment, tmp_path: Path, gcloud: Path
) -> None:
    folder = tmp_path / "it's a $(touch folder); `x`"
    deployment = deploy_function.prepare(use_case, environment, folder)
    subprocess.run(["sh", "-c", deployment.to_shell()], check=True, cwd=tmp_path, capture_output=True)
    assert tuple(json.loads(gcloud.read_text())) == deployment.command[1:]


def test_run_hands_gcloud_the_command_and_passes_on_what_it_says(
    use_case: UseCase, environment: Environment, tmp_path: Path, gcloud: Path
) -> None:
    deployment = deploy_function.prepare(use_case, environment, tmp_path / "function")
    said: list[str] = []
    deploy_function.run(deployment, said.append)
    assert tuple(json.loads(gcloud.read_text())) == deployment.command[1:]
    assert sorted(said) == ["Deploying...", "https://recommenders.example"]


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        (
            "ERROR: (gcloud.functions.deploy) You do not currently have an active account selected.",
            "an active account selected; run `gcloud auth login`",
        ),
        (
            "ERROR: (gcloud.functions.deploy) ResponseError: status=[403], code=[Ok], message=[Cloud "
            "Functions API has not been used in project 1 before or it is disabled.]",
            "run `gcloud services enable cloudfunctions.googleapis.com",
        ),
        (
            "ERROR: ResponseError: status=[403], message=[Permission 'iam.serviceAccounts.actAs' denied on "
            "service account reader]",
            "grant the account roles/iam.serviceAccountUser",
        ),
        (
            "ERROR: (gcloud.functions.deploy) PERMISSION_DENIED: Permission denied on resource project "
            "nowhere",
            "grant the account roles/cloudfunctions.developer",
        ),
        (
            "ERROR: (gcloud.functions.deploy) NOT_FOUND: Service account does not exist",
            "check project, region and service accounts",
        ),
    ],
)
def test_a_refusal_says_what_to_do(
    said: str,
    advice: str,
    use_case: UseCase,
    environment: Environment,
    tmp_path: Path,
    gcloud: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GCLOUD_SAYS", said)
    monkeypatch.setenv("GCLOUD_EXIT", "1")
    deployment = deploy_function.prepare(use_case, environment, tmp_path / "function")
    with pytest.raises(SettingsError) as refusal:
        deploy_function.run(deployment, print)
    assert str(refusal.value).startswith("gcloud ended with code 1: ")
    assert advice in str(refusal.value)


def test_without_gcloud_it_says_how_to_get_it(
    use_case: UseCase, environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = deploy_function.prepare(use_case, environment, tmp_path / "function")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="install the Google Cloud SDK"):
        deploy_function.run(deployment, print)


def test_an_environment_without_the_block_is_refused(use_case: UseCase, tmp_path: Path) -> None:
    local = load_environment(ROOT / "configs" / "environments" / "local.yaml")
    with pytest.raises(SettingsError, match="environment local: function: missing"):
        deploy_function.prepare(use_case, local, tmp_path / "function")
    assert not (tmp_path / "function").exists()


def test_a_store_in_a_file_is_refused(use_case: UseCase, environment: Environment, tmp_path: Path) -> None:
    local = load_environment(ROOT / "configs" / "environments" / "local.yaml")
    mixed = local.model_copy(update={"function": environment.function})
    with pytest.raises(SettingsError, match="store: found sqlite; allowed for a Cloud Function: datastore"):
        deploy_function.prepare(use_case, mixed, tmp_path / "function")


def test_staging_again_leaves_nothing_of_before(
    use_case: UseCase, environment: Environment, tmp_path: Path
) -> None:
    first = deploy_function.prepare(use_case, environment, tmp_path)
    (first.source / "stray.py").write_text("raise SystemExit\n")
    second = deploy_function.prepare(use_case, environment, tmp_path)
    assert first == second
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "variables.yaml"]
    assert {path.name for path in second.source.iterdir()} == {
        *("__init__.py", "bodies.py", "checksum.py", "config.py", "connections.py", "coverage.py"),
        *("endpoint.py", "fields.py", "limits.py", "main.py", "parsing.py", "problem.py", "propensity.py"),
        *("ranking.py", "requirements.txt", "stores"),
    }


def test_what_is_staged_answers_without_the_rest_of_the_project(
    use_case: UseCase, environment: Environment, tmp_path: Path
) -> None:
    deployment = deploy_function.prepare(use_case, environment, tmp_path / "function")
    today = dt.datetime.combine(dt.datetime.now(dt.UTC).date(), dt.time(), tzinfo=dt.UTC)
    store = SQLiteStore(tmp_path / "rankings.sqlite")
    store.put_many([make_ranking(generated_at=today)])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    variables = yaml.safe_load(deployment.variables.read_text())
    log = tmp_path / "function.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", ALONE, f"--target={deploy_function.ENTRY_POINT}"],
            cwd=deployment.source,
            env={
                **variables,
                "RANKING_STORE": f"sqlite:{tmp_path / 'rankings.sqlite'}",
                "HOST": "127.0.0.1",
                "PORT": str(port),
                "PATH": os.environ["PATH"],
            },
            stdout=output,
            stderr=output,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=None) as client:
            wait_until_healthy(client, process, log)
            known = client.get("/users/user-1/recommenders").json()
            unknown = client.get("/users/nobody/recommenders").json()
    finally:
        process.terminate()
        process.wait()
    assert (known["recommenders"], known["source"]) == (["deals", "refill"], "personalised")
    assert unknown["recommenders"] == list(use_case.default_ranking)


def wait_until_healthy(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"the function ended:\n{log.read_text(errors='replace')[-2000:]}")


def test_the_command_line_prints_the_command_and_nothing_else(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pipelines.cli.main", "deploy-function"),
            *("--environment", "configs/environments/vertex.yaml", "--workdir", str(tmp_path)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("gcloud functions deploy recommenders-newsletter \\\n  --gen2 \\\n")
    assert f"--source={tmp_path}/function/newsletter/source" in done.stdout
    assert done.stderr == ""
