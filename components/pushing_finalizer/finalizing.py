"""Publishes a pushed model in the registry, with the evidence that it was blessed on."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from newsletter_bandit.errors import DataError
from newsletter_bandit.files import read_bytes
from newsletter_bandit.registry import Registry, model_digest, new_version
from newsletter_bandit.settings.use_case import UseCase

FILE_NAME = "publication.json"
BLESSED = "blessed"


@dataclass(frozen=True)
class PushedModel:
    """The model that the Pusher handed on.

    Attributes:
      model_dir: folder of the SavedModel.
      pushed_at: UTC; gives the version its time.
    """

    model_dir: str
    pushed_at: dt.datetime


@dataclass(frozen=True)
class Publication:
    """Outcome of a run's model.

    Attributes:
      published: the run's model is in production.
      version: its name; None where nothing was published.
      reason: a phrase.
    """

    published: bool
    version: str | None
    reason: str

    def to_json(self) -> str:
        """Indented JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"


def pushed_model(model_dir: str, pushed: int, pushed_version: str) -> PushedModel | None:
    """The model that TFX's properties `pushed` and `pushed_version` name; None if nothing was pushed.

    Raises:
      DataError: ``pushed_version`` is not a number of Unix seconds.
    """
    if not pushed:
        return None
    if not (pushed_version.isascii() and pushed_version.isdigit() and len(pushed_version) <= 10):
        raise DataError(
            f"{model_dir}: pushed_version is {pushed_version!r}; allowed: Unix seconds, as TFX's Pusher sets"
        )
    return PushedModel(model_dir, dt.datetime.fromtimestamp(int(pushed_version), dt.UTC))


def finalize(
    registry: Registry,
    pushed: PushedModel | None,
    evaluation_dir: str,
    decision_dir: str,
    use_case: UseCase,
) -> Publication:
    """Publishes the model, then puts it into production; does nothing where nothing was pushed.

    A model that the registry holds already keeps its version and the evidence published with it: a retried step,
    or a rerun whose training came from the cache, adds no second version.

    Args:
      registry: of the use case.
      pushed: the model, or None.
      evaluation_dir: folder with `metrics.json` and `verdict.json`.
      decision_dir: folder with `decision.json`.
      use_case: kept beside the model.

    Raises:
      DataError: evidence is missing or damaged, the pushed model was not blessed, or the registry is damaged.
    """
    verdict_file = os.path.join(evaluation_dir, "verdict.json")
    verdict = _read(verdict_file)
    outcome = verdict.get("verdict")
    if pushed is None:
        return Publication(False, None, _why_not(verdict))
    if outcome != BLESSED:
        raise DataError(
            f"{verdict_file}: verdict is {outcome!r}, yet a model was pushed; allowed: {BLESSED}. "
            "Nothing was published."
        )
    digest = model_digest(pushed.model_dir)
    version = registry.find(digest)
    reason = f"{BLESSED}; this model was published before"
    if version is None:
        reason = BLESSED
        version = new_version(pushed.pushed_at, digest)
        evidence = {
            "metrics.json": _read(os.path.join(evaluation_dir, "metrics.json")),
            "verdict.json": verdict,
            "decision.json": _read(os.path.join(decision_dir, "decision.json")),
            "use_case.json": json.loads(use_case.to_json()),
        }
        registry.publish(version, pushed.model_dir, evidence)
    registry.set_current(version)
    return Publication(True, version, reason)


def _why_not(verdict: Mapping[str, Any]) -> str:
    outcome = str(verdict.get("verdict")).replace("_", " ")
    failed = [str(check["name"]) for check in verdict.get("checks", ()) if check.get("passed") is False]
    return f"{outcome}; failed: {', '.join(failed)}" if failed else f"{outcome}; nothing was pushed"


def _read(path: str) -> dict[str, Any]:
    try:
        content = json.loads(read_bytes(path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: found {type(content).__name__}; allowed: a JSON object")
    return content
