"""A registry with one version in production and others that were compared with it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from newsletter_bandit.registry import Look, Registry
from newsletter_bandit.registry.evidence import Placement, VerdictName
from tests.evidence_records import decision, metrics, published, verdict
from tests.tiny import make_use_case

OLD = "20261116T101500Z-1a2b3c4d"
FIRST = "20261123T101500Z-2a2b3c4d"
SECOND = "20261130T101500Z-3a2b3c4d"
WINDOW = ("2026-10-12", "2026-11-09")


def model_in(folder: Path) -> str:
    """A folder that looks like a SavedModel."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    return str(folder)


def candidate(
    registry: Registry, model: str, version: str, compared_with: str | None, judged: VerdictName = "blessed"
) -> None:
    """Publishes a version as a training does whose use case waits for a sign-off."""
    found = dataclasses.replace(verdict(judged), compared_with=compared_with or "logging policy")
    files = published(metrics(), found, decision())
    files["use_case.json"] = make_use_case(publication={"wait_for_sign_off": True}).model_dump(mode="json")
    registry.publish(version, model, files, Placement("waiting", compared_with, compared_with))
    registry.place(version, compared_with, waits=True)
    look = Look(WINDOW, "settings", "rows", version, judged, found.compared_with)
    registry.looks.note(look)
    registry.looks.conclude(version, "waiting", version)


def waiting(root: Path) -> Registry:
    """OLD is in production; FIRST and SECOND wait for their sign-off, both compared with OLD."""
    registry, model = Registry(str(root / "registry"), "tiny"), model_in(root / "model")
    registry.publish(OLD, model, published(metrics(), verdict(), decision()))
    registry.set_current(OLD)
    for version in (FIRST, SECOND):
        candidate(registry, model, version, OLD)
    return registry
