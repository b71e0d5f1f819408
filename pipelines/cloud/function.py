"""The endpoint as a Cloud Function: a folder with just what it needs, and the gcloud command."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.files import filled, filled_folder
from newsletter_bandit.settings.cloud import CloudFunction
from newsletter_bandit.settings.environment import DatastoreStore, Environment
from newsletter_bandit.settings.use_case import UseCase
from pipelines.endpoint import serving_config

RUNTIME = "python313"
ENTRY_POINT = "recommenders"
# Files that are needed only to serve on this machine.
_LEFT_OUT = ("__pycache__", "listening.py", "server.py")

# Pattern in gcloud's message -> what to do; the first match counts.
_HINTS = {
    r"active account|gcloud auth login": "run `gcloud auth login`",
    r"has not been used in project|is disabled|not enabled": (
        "run `gcloud services enable cloudfunctions.googleapis.com run.googleapis.com "
        "cloudbuild.googleapis.com artifactregistry.googleapis.com`"
    ),
    r"actAs": "grant the account roles/iam.serviceAccountUser on the function's service account",
    r"PERMISSION_DENIED|permission|\[403\]": (
        "grant the account roles/cloudfunctions.developer in the project, or check the project's name"
    ),
    r"NOT_FOUND|not found|does not exist|\[404\]": (
        "check project, region and service accounts of the environment's function block"
    ),
}


@dataclass(frozen=True)
class Deployment:
    """A deployment that is ready to run.

    Attributes:
      command: gcloud and its arguments; the first four name command and function.
      source: folder with the function's code.
      variables: YAML file with its environment variables.
    """

    command: tuple[str, ...]
    source: Path
    variables: Path

    def to_shell(self) -> str:
        """The command for a POSIX shell, one option per line."""
        return " \\\n  ".join([shlex.join(self.command[:4]), *map(shlex.quote, self.command[4:])])


def prepare(use_case: UseCase, environment: Environment, folder: Path) -> Deployment:
    """Writes source and variables below ``folder``, replacing what an earlier call left there.

    Raises:
      SettingsError: the environment has no function block, or a store that no Cloud Function can read.
    """
    settings = environment.function
    if settings is None:
        raise SettingsError(
            f"environment {environment.name}: function: missing; add a block as in "
            "configs/environments/vertex.yaml, or pass that file as `environment`"
        )
    if not isinstance(environment.store, DatastoreStore):
        raise SettingsError(
            f"environment {environment.name}: store: found {environment.store.kind}; allowed for a Cloud "
            "Function: datastore"
        )
    # Absolute: the command is printed to be run from anywhere.
    folder = folder.absolute()
    source, variables = folder / "source", folder / "variables.yaml"
    _stage(source, variables, serving_config(use_case, environment).to_env())
    return Deployment(_command(settings, use_case, source, variables), source, variables)


def run(deployment: Deployment, say: Callable[[str], None]) -> None:
    """Deploys, and passes each line of gcloud's output to ``say``.

    Raises:
      SettingsError: gcloud is missing, or it refused; the message says what to do.
    """
    gcloud = shutil.which(deployment.command[0])
    if gcloud is None:
        raise SettingsError(
            "gcloud: not found on the path; install the Google Cloud SDK (cloud.google.com/sdk), or run the "
            "command that `newsletter-bandit deploy-function` prints on a machine that has it"
        )
    said: list[str] = []
    with subprocess.Popen(
        [gcloud, *deployment.command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.rstrip())
            say(said[-1])
    if process.returncode != 0:
        raise SettingsError(f"gcloud ended with code {process.returncode}: {_explained(said)}")


def _command(settings: CloudFunction, use_case: UseCase, source: Path, variables: Path) -> tuple[str, ...]:
    options: dict[str, object] = {
        "project": settings.project,
        "region": settings.region,
        "runtime": RUNTIME,
        "entry-point": ENTRY_POINT,
        "source": source,
        "env-vars-file": variables,
        "service-account": settings.service_account,
        "build-service-account": settings.build_service_account
        and f"projects/{settings.project}/serviceAccounts/{settings.build_service_account}",
        "ingress-settings": settings.ingress,
        "memory": settings.memory,
        "cpu": settings.cpu,
        "min-instances": settings.min_instances,
        "max-instances": settings.max_instances,
        "concurrency": settings.concurrency,
        "timeout": f"{settings.timeout_seconds}s",
        "update-labels": ",".join(f"{key}={value}" for key, value in sorted(settings.labels.items())) or None,
    }
    return (
        *("gcloud", "functions", "deploy", settings.name or f"recommenders-{use_case.name}"),
        *("--gen2", "--trigger-http", "--no-allow-unauthenticated", "--quiet", "--format=value(url)"),
        *(f"--{name}={value}" for name, value in options.items() if value is not None),
    )


def _stage(source: Path, variables: Path, environ: Mapping[str, str]) -> None:
    import serving

    (package,) = map(Path, serving.__path__)
    if not (package / "requirements.txt").is_file():
        raise SettingsError(
            f"{package / 'requirements.txt'}: missing, and the function is built from it; run "
            "deploy-function from a checkout of the project"
        )
    try:
        with filled_folder(source) as staged, filled(variables) as written:
            shutil.copytree(package, staged, ignore=shutil.ignore_patterns(*_LEFT_OUT), dirs_exist_ok=True)
            written.write_text(yaml.safe_dump(dict(environ), allow_unicode=True), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{source.parent}: {error.strerror}; use a folder that can be written") from error


def _explained(said: list[str]) -> str:
    """gcloud's own message, and what to do."""
    errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
    words = (errors or said or ["it said nothing"])[-1].rstrip(".")
    text = "\n".join(said)
    hint = next((hint for pattern, hint in _HINTS.items() if re.search(pattern, text)), None)
    return f"{words}; {hint}" if hint else words
