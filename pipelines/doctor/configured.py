"""Findings on what a person wrote: queries, curated schema, tuned settings, credentials and passwords."""

from __future__ import annotations

import os

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from newsletter_bandit.google import credentials
from newsletter_bandit.settings.environment import BigQueryWarehouse, DatastoreStore, MySQLMetadata
from newsletter_bandit.warehouse.queries import inference_query, training_query
from pipelines.status.findings import Finding, Severity
from pipelines.workspace import Workspace

_SCHEMA = "`newsletter-bandit schema --overwrite` writes it from your data; review it"


def queries(workspace: Workspace) -> Finding:
    """Whether the queries of both pipelines can be made from their templates.

    Raises:
      SettingsError: a template is missing or faulty.
    """
    use_case = workspace.use_case
    training_query(use_case, workspace.environment.warehouse)
    inference_query(use_case, workspace.environment.warehouse)
    words = (
        f"{workspace.use_case_path}: {len(use_case.offered)} recommenders, {len(use_case.features)} features"
    )
    return Finding("settings", Severity.OK, words)


def schema(workspace: Workspace) -> Finding:
    """The curated schema: whether it is there, can be read, and names every column of an example."""
    path = workspace.schema_file
    if not path.is_file():
        words = f"{path}: none yet; a training needs one"
        return Finding("schema", Severity.WARNING, words, _SCHEMA.replace(" --overwrite", ""))
    found = schema_pb2.Schema()
    try:
        text_format.Parse(path.read_text(), found)
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        words = f"{path}: cannot be read: {' '.join(str(error).split())}"
        return Finding("schema", Severity.CRITICAL, words, _SCHEMA)
    named = {feature.name for feature in found.feature}
    use_case = workspace.use_case
    missing = [name for name in (*use_case.example_columns, *use_case.features) if name not in named]
    if missing:
        words = f"{path}: lacks {', '.join(missing)}"
        return Finding("schema", Severity.CRITICAL, words, _SCHEMA, {"missing": missing})
    return Finding("schema", Severity.OK, f"{path}: {len(named)} columns")


def access(workspace: Workspace) -> Finding | None:
    """Google's credentials and the metadata store's password, where the environment asks for one.

    Raises:
      SettingsError: there are no credentials.
    """
    environment = workspace.environment
    asked = [
        name
        for name, needed in (
            ("BigQuery", isinstance(environment.warehouse, BigQueryWarehouse)),
            ("Datastore", isinstance(environment.store, DatastoreStore)),
            ("Vertex AI", environment.vertex is not None),
            ("Cloud Storage", environment.registry.startswith("gs://")),
        )
        if needed
    ]
    found = []
    if asked:
        account = getattr(credentials(), "service_account_email", "") or "a user's own"
        found.append(f"credentials for {', '.join(asked)}: {account}")
    metadata = environment.metadata
    if isinstance(metadata, MySQLMetadata):
        if metadata.password_variable not in os.environ:
            words = f"the environment variable {metadata.password_variable} is not set"
            advice = f"set it to the password of {metadata.user} on {metadata.host}"
            return Finding("access", Severity.CRITICAL, words, advice)
        found.append(f"a password for {metadata.user} on {metadata.host}")
    return Finding("access", Severity.OK, "; ".join(found)) if found else None
