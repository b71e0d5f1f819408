"""Removes what a set-up keeps of one user: their ranking, their rows, and their rows that were refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsletter_bandit.errors import DataError
from newsletter_bandit.files import write_text
from newsletter_bandit.ranking_store import open_to_write
from newsletter_bandit.request_log.forgetting import forget as forget_requests
from newsletter_bandit.settings.environment import DuckDBWarehouse, SQLiteStore
from newsletter_bandit.warehouse.forgetting import forget as forget_rows
from pipelines.workspace import Workspace
from serving.stores.base import CorruptRankingError, RankingStore


@dataclass(frozen=True)
class Forgotten:
    """What was removed.

    Attributes:
      ranking: there was a stored ranking.
      rows: by table, the rows that were removed.
      refused: by file of refused rows, the lines that were removed.
      requests: by file of the model server's log, likewise.
      mentions: files of runs in which the identifier still stands; they are not changed.
    """

    ranking: bool
    rows: Mapping[str, int]
    refused: Mapping[Path, int]
    requests: Mapping[Path, int]
    mentions: tuple[Path, ...]

    @property
    def anything(self) -> bool:
        """Something was removed."""
        return self.ranking or any(self.rows.values()) or bool(self.refused or self.requests)


def forget(workspace: Workspace, user_id: str) -> Forgotten:
    """Removes a user; called again, it finds nothing more.

    The ranking goes first, so that nothing is served of whoever asked to be forgotten, whatever fails later.

    Args:
      workspace: use case, environment and work folder. Tables and stores of other use cases are not touched.
      user_id: compared byte for byte.

    Raises:
      UserError: the store or the warehouse cannot be written, or a file of refused rows is damaged.
      StoreError: the store cannot be written, or is another use case's.
    """
    environment = workspace.environment
    ranking = False
    if not (isinstance(environment.store, SQLiteStore) and not Path(environment.store.path).exists()):
        store = open_to_write(environment.store)
        try:
            store.require(workspace.use_case.name)
            ranking = _has_ranking(store, user_id)
            store.delete(user_id)
        finally:
            store.close()
    rows: Mapping[str, int] = {}
    warehouse = environment.warehouse
    if not (isinstance(warehouse, DuckDBWarehouse) and not Path(warehouse.path).exists()):
        rows = forget_rows(warehouse, workspace.use_case, user_id)
    refused = {}
    for path in sorted((workspace.workdir / "rejects").glob(f"{workspace.use_case.name}-*.jsonl")):
        removed = _without(path, user_id)
        if removed:
            refused[path] = removed
    requests = forget_requests(Path(environment.model_server.log), user_id)
    return Forgotten(ranking, rows, refused, requests, _mentions(workspace, user_id))


def _has_ranking(store: RankingStore, user_id: str) -> bool:
    try:
        return store.get(user_id) is not None
    except CorruptRankingError:
        return True


def _without(path: Path, user_id: str) -> int:
    """Removes the lines with a value that is the identifier; returns how many."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    try:
        kept = [line for line in lines if user_id not in _texts(json.loads(line))]
    except ValueError as error:
        raise DataError(
            f"{path}: no lines of JSON: {error}; remove it, the next load writes it anew"
        ) from error
    if len(kept) < len(lines):
        write_text(path, "".join(kept))
    return len(lines) - len(kept)


def _texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {text for one in value.values() for text in _texts(one)}
    if isinstance(value, list):
        return {text for one in value for text in _texts(one)}
    return {str(value).strip()}


def _mentions(workspace: Workspace, user_id: str) -> tuple[Path, ...]:
    """Logs, refused predictions of runs, and growing files of the model server that quote the identifier."""
    quotes = {
        json.dumps(user_id).encode(),
        json.dumps(user_id, ensure_ascii=False).encode(),
        repr(user_id).encode(),
    }
    requests = Path(workspace.environment.model_server.log)
    folders = (workspace.workdir / "logs", workspace.workdir / "runs", requests)
    files = [path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file()]
    return tuple(sorted(path for path in files if any(quote in path.read_bytes() for quote in quotes)))
