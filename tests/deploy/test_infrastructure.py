"""The Terraform files: whole, formatted, and no wider open than they say. No provider and no cloud is
asked.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from newsletter_bandit.settings.base import Settings
from newsletter_bandit.settings.cloud import CloudFunction, Dataflow, TrainingJob, Vertex
from newsletter_bandit.settings.environment import BigQueryWarehouse, DatastoreStore
from serving.ranking import FIELDS

hcl2 = pytest.importorskip("hcl2", reason="python-hcl2 is not installed: nothing reads the Terraform files")

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "deploy" / "infra"
BROAD_ROLES = re.compile(r"roles/(owner|editor|viewer|iam\.serviceAccountTokenCreator|.*[aA]dmin)\b")


def unquoted(node: Any) -> Any:
    """python-hcl2's document, less the quotes and braces that it leaves around strings and expressions."""
    if isinstance(node, dict):
        return {
            unquoted(key): unquoted(value) for key, value in node.items() if not str(key).startswith("__")
        }
    if isinstance(node, list):
        return [unquoted(item) for item in node]
    if isinstance(node, str) and len(node) >= 2 and node[0] == node[-1] == '"':
        return node[1:-1].replace('\\"', '"')
    return node


@pytest.fixture(scope="module")
def blocks() -> dict[str, dict[str, Any]]:
    """Blocks of all files by kind and address: ``variable`` -> name, ``resource`` -> ``type.name``, and so
    on.
    """
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(INFRA.glob("*.tf")):
        with file.open() as stream:
            document = unquoted(hcl2.load(stream))
        for kind, items in document.items():
            for item in items:
                if kind in ("resource", "data"):
                    ((first, named),) = item.items()
                    ((second, body),) = named.items()
                    entries = {f"{first}.{second}": body}
                elif kind in ("variable", "output"):
                    entries = item
                else:
                    entries = item if kind == "locals" else {file.name: item}
                for address, body in entries.items():
                    assert address not in found.setdefault(kind, {}), f"{address} stands twice"
                    found[kind][address] = body
    return found


def texts(node: Any) -> Iterator[str]:
    """Every key and every leaf as text."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield str(key)
            yield from texts(value)
    elif isinstance(node, list):
        for item in node:
            yield from texts(item)
    else:
        yield str(node)


def test_every_reference_leads_somewhere(blocks: dict[str, dict[str, Any]]) -> None:
    all_text = "\n".join(texts(blocks))
    assert set(re.findall(r"\bvar\.(\w+)", all_text)) == set(blocks["variable"])
    assert set(re.findall(r"\blocal\.(\w+)", all_text)) == set(blocks["locals"])
    assert set(re.findall(r"\bdata\.(\w+\.\w+)", all_text)) == set(blocks["data"])
    referred = set(
        re.findall(r"(?<!data\.)\b(google_\w+\.\w+)", all_text.replace("resource.google", "google"))
    )
    assert referred - set(blocks["data"]) <= set(blocks["resource"])


def test_every_variable_is_described_typed_and_checked(blocks: dict[str, dict[str, Any]]) -> None:
    for name, body in blocks["variable"].items():
        assert body["description"].endswith("."), name
        assert "type" in body, name
        for rule in body["validation"]:
            assert rule["error_message"].startswith((f"{name}: allowed", f"{name}.")), name
    for name, body in blocks["output"].items():
        assert body["description"], name


def test_versions_are_pinned(blocks: dict[str, dict[str, Any]]) -> None:
    (settings,) = blocks["terraform"].values()
    assert settings["required_version"] == ">= 1.9, < 2.0"
    for provider in settings["required_providers"][0].values():
        assert re.fullmatch(r"~> \d+\.\d+", provider["version"])


def test_no_role_is_broad_and_nothing_is_for_everybody(blocks: dict[str, dict[str, Any]]) -> None:
    granted = {text for text in texts(blocks) if text.startswith("roles/")}
    assert len(granted) > 10
    assert not [role for role in granted if BROAD_ROLES.match(role)]
    everybody = re.compile(r"allUsers|allAuthenticatedUsers|domain:")
    assert not [text for text in texts(blocks) if everybody.search(text)]


def test_grants_add_and_never_replace(blocks: dict[str, dict[str, Any]]) -> None:
    # A binding or a policy would take away what others were granted.
    grants = [address for address in blocks["resource"] if "_iam_" in address and "workload" not in address]
    assert grants
    assert all(re.match(r"google_\w+_iam_member\.", address) for address in grants)


def test_each_part_has_its_own_identity_and_no_more_than_it_needs(blocks: dict[str, dict[str, Any]]) -> None:
    named = blocks["locals"]
    parts = set(named["identities"])
    used = set(named["project_roles"]) | set(named["image_roles"]) | set(named["database_roles"])
    used |= {member for pair in named["acts_as"].values() for member in pair}
    used |= {entry[0] for entry in (*named["dataset_roles"].values(), *named["bucket_writers"].values())}
    assert used == parts
    # The endpoint reads rankings; nothing else.
    assert named["database_roles"]["ranking-reader"] == "roles/datastore.viewer"
    everything_else = {
        name: named[name] for name in named if name not in ("identities", "acts_as", "database_roles")
    }
    assert "ranking-reader" not in "\n".join(texts(everything_else))
    # Only what publishes models writes to the registry.
    assert [part for part, folder in named["bucket_writers"].values() if folder == "registry"] == [
        "pipeline-runner"
    ]


def test_the_example_environment_names_what_is_made_here(blocks: dict[str, dict[str, Any]]) -> None:
    environment = yaml.safe_load((ROOT / "configs" / "environments" / "vertex.yaml").read_text())
    accounts = {
        environment["processing"]["dataflow"]["service_account"],
        environment["vertex"]["service_account"],
        environment["training_job"]["service_account"],
        environment["function"]["service_account"],
    }
    # The steps' own identity may act as the trainer, not as itself.
    pairs = list(blocks["locals"]["acts_as"].values())
    job, steps = (
        environment[block]["service_account"].partition("@")[0] for block in ("training_job", "vertex")
    )
    assert [steps, job] in pairs
    assert [steps, steps] not in pairs
    assert {account.partition("@")[0] for account in accounts} <= set(blocks["locals"]["identities"])
    folders = blocks["locals"]["folders"]
    assert environment["registry"].endswith("/" + folders["registry"].rstrip("/"))
    assert environment["pipeline_root"].endswith("/" + folders["pipelines"].rstrip("/"))
    assert environment["processing"]["dataflow"]["temp_location"].endswith(
        "/" + folders["dataflow"].rstrip("/")
    )
    repository = blocks["resource"]["google_artifact_registry_repository.images"]["repository_id"]
    assert f"/{repository}/pipelines:" in environment["vertex"]["image"]


def test_the_output_has_every_block_of_the_environment_by_its_keys(blocks: dict[str, dict[str, Any]]) -> None:
    output = blocks["output"]["environment"]["value"]
    settings: dict[str, type[Settings]] = {
        "warehouse": BigQueryWarehouse,
        "store": DatastoreStore,
        "dataflow": Dataflow,
        "vertex": Vertex,
        "training_job": TrainingJob,
        "function": CloudFunction,
    }
    assert set(output) == {"registry", "pipeline_root", *settings}
    for block, kind in settings.items():
        assert set(output[block]) <= set(kind.model_fields), block
    assert output["store"]["namespace"] == DatastoreStore.model_fields["namespace"].default
    assert 'parts["trainer"]' in output["training_job"]["service_account"]
    assert "latest" not in blocks["locals"]["image"]


def test_the_ttl_is_left_to_a_command(blocks: dict[str, dict[str, Any]]) -> None:
    # In Datastore mode the API refuses the change of a single field's indexes that the resource always sends.
    assert not [address for address in blocks["resource"] if address.startswith("google_firestore_field.")]
    command = blocks["output"]["expiry_command"]["value"]
    assert command.startswith(
        "gcloud firestore fields ttls update expires_at --collection-group=${var.entity_kind}"
    )
    assert "--enable-ttl" in command
    # It is the field that the stores index.
    assert [field.name for field in FIELDS if field.indexed] == ["expires_at"]


def test_alerts_and_a_metadata_server_are_made_only_where_asked_for(
    blocks: dict[str, dict[str, Any]],
) -> None:
    resources = blocks["resource"]
    failed, stale = (
        resources[f"google_monitoring_alert_policy.{name}"] for name in ("failed_runs", "stale_rankings")
    )
    for policy in (failed, stale):
        assert policy["count"] == "${var.alert_email == null ? 0 : 1}"
        assert policy["notification_channels"] == ["${google_monitoring_notification_channel.email[0].name}"]
    (condition,) = failed["conditions"]
    assert "PIPELINE_STATE_FAILED" in condition["condition_matched_log"][0]["filter"]
    (condition,) = stale["conditions"]
    threshold = condition["condition_threshold"][0]
    assert (threshold["comparison"], threshold["threshold_value"]) == ("COMPARISON_LT", 1)
    # Silence is what it is about.
    assert threshold["evaluation_missing_data"] == "EVALUATION_MISSING_DATA_ACTIVE"
    server = resources["google_sql_database_instance.metadata"]
    assert server["count"] == "${length(var.metadata_networks) == 0 ? 0 : 1}"
    assert server["settings"][0]["ip_configuration"][0]["ssl_mode"] == "ENCRYPTED_ONLY"


def terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Terraform without its settings of this machine; skips where there is none."""
    program = shutil.which("terraform")
    if program is None:
        pytest.skip("terraform is not installed: neither formats nor validations are checked")
    (folder / "settings").touch()
    return subprocess.run(
        [program, *arguments],
        cwd=folder,
        env={"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": str(folder / "settings"), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_files_are_formatted(tmp_path: Path) -> None:
    done = terraform(tmp_path, "fmt", "-check", "-diff", str(INFRA))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def only_variables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the variables alone, which Terraform plans without any provider."""
    folder = tmp_path_factory.mktemp("variables")
    shutil.copy(INFRA / "variables.tf", folder)
    done = terraform(folder, "init", "-input=false")
    assert done.returncode == 0, done.stderr
    return folder


def test_the_defaults_are_accepted(only_variables: Path) -> None:
    done = terraform(only_variables, "plan", "-input=false", "-var=project=my-project")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("project", "My_Project"),
        ("region", "europe"),
        ("data_location", "Mars"),
        ("bucket", "gs://my-bucket"),
        ("datasets", '{tables = "a.b", raw = "raw"}'),
        ("datasets", '{tables = "one", raw = "one"}'),
        ("image_tag", "latest"),
        ("alert_email", "me"),
        ("metadata_networks", '["0.0.0.0/0"]'),
        ("metadata_tier", "large"),
        ("temporary_days", "1"),
        ("artifact_days", "1.5"),
        ("subnetwork_range", "10.0.0.0/30"),
        ("callers", '["allUsers"]'),
        ("callers", '["user:someone@example.com"]'),
        ("function_source", "/nowhere"),
        ("function_variables", '{PASSWORD = "secret"}'),
        ("function", "{min_instances = 30}"),
        ("function", '{memory = "512"}'),
        ("github_repository", "https://github.com/a/b"),
        ("billing_account", "mine"),
        ("monthly_budget", "0"),
        ("labels", '{Team = "mail"}'),
    ],
)
def test_a_value_that_cannot_be_is_refused(only_variables: Path, name: str, value: str) -> None:
    project = () if name == "project" else ("-var=project=my-project",)
    done = terraform(only_variables, "plan", "-input=false", *project, f"-var={name}={value}")
    assert done.returncode == 1
    assert f"{name}: allowed" in done.stderr or f"{name}." in done.stderr
