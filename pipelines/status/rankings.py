"""The finding on the stored rankings: how many users have one, made when, served until when."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from newsletter_bandit.errors import UserError
from newsletter_bandit.ranking_store import open_store
from newsletter_bandit.registry import VersionInfo
from newsletter_bandit.settings.environment import SQLiteStore
from pipelines.status.findings import Finding, Limits, Severity
from pipelines.status.production import registry_of
from pipelines.workspace import Workspace

_STALE = "freshness.max_stale_share"
_GRACE = dt.timedelta(days=1)  # the next daily prediction follows the change


def rankings(workspace: Workspace, now: dt.datetime, limits: Limits) -> Finding:
    """How many rankings are served at ``now``, and until when; the newest's own expiry is the limit.

    Raises:
      StoreError: the store cannot be read.
      CorruptRankingError: its newest ranking breaks the contract.
    """
    store, predict = workspace.environment.store, _predict(workspace)
    see = f"see whether the inference table holds every {workspace.use_case.words.subject} that it should"
    missing = isinstance(store, SQLiteStore) and not Path(store.path).exists()
    if missing:
        return _none(workspace)
    opened = open_store(store)
    try:
        ages = opened.ages(now)
    finally:
        opened.close()
    if ages is None:
        return _none(workspace)
    served = ages.rankings - ages.expired
    life, age = ages.expires_at - ages.generated_at, now - ages.generated_at
    words = f"made for {ages.generated_at:%Y-%m-%d} by {ages.model_version}"
    figures = {
        "users": served,
        "expired_users": ages.expired,
        "stale_users": ages.older,
        "generated_at": ages.generated_at.isoformat(),
        "expires_at": ages.expires_at.isoformat(),
        "model_version": ages.model_version,
    }
    if not served:
        words = f"all {ages.rankings:,} expired on {ages.expires_at:%Y-%m-%d %H:%M} UTC; {words}"
        return Finding("rankings", Severity.CRITICAL, words, predict, figures)
    words = f"{workspace.use_case.words.counted_subjects(served)}, {words}, served until "
    words += f"{ages.expires_at:%Y-%m-%d %H:%M} UTC"
    if ages.expired:
        words += f"; those of {ages.expired:,} more have expired"
    stale, allowed = ages.older / served, workspace.use_case.freshness.max_stale_share
    if ages.older:
        words += f"; {ages.older:,} are of an earlier day, {stale:.0%}; at most {allowed:.0%} ({_STALE})"
    now_in = _production(workspace)
    other = now_in is not None and now_in.version != ages.model_version
    if now_in is not None and other:
        figures["production"] = now_in.version
        words += f"; in production now: {now_in.version}, which the next prediction uses"
    if now_in is not None and other and now - _since(now_in) > _GRACE:
        return Finding("rankings", Severity.WARNING, words, predict, figures)
    if age > limits.warning_share * life:
        return Finding("rankings", Severity.WARNING, words, predict, figures)
    if stale > allowed:
        return Finding("rankings", Severity.WARNING, words, see, figures)
    return Finding("rankings", Severity.OK, words, predict if other else "", figures)


def _production(workspace: Workspace) -> VersionInfo | None:
    """The version in production; None if there is none, or it cannot be read, which the line of the model
    says.
    """
    registry = registry_of(workspace)
    try:
        version = registry.current()
        return None if version is None else registry.info(version)
    except UserError:
        return None


def _since(info: VersionInfo) -> dt.datetime:
    """When the version can have gone into production: its publication, or the last answer on it.

    Nobody notes the time of a rollback, so after one there is no grace, and none is wanted.
    """
    last = info.sign_offs.last
    return info.created if last is None else max(info.created, last.at)


def _none(workspace: Workspace) -> Finding:
    return Finding("rankings", Severity.CRITICAL, "none are stored yet", _predict(workspace), {"users": 0})


def _predict(workspace: Workspace) -> str:
    who = workspace.use_case.words.subject
    return f"`newsletter-bandit predict` ranks for every {who} and stores the rankings"
