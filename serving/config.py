"""Settings of the endpoint, from environment variables that are read when it starts.

| variable | value |
|---|---|
| ``RANKING_STORE`` | ``sqlite:PATH`` or ``datastore:PROJECT/KIND``, or that with ``?namespace=NAME`` |
| ``USE_CASE`` | name of the use case |
| ``UNKNOWN_USER`` | ``default`` (answer the default ranking; the default) or ``not_found`` (answer 404) |
| ``DEFAULT_RANKING`` | JSON list of recommenders, best first; needed where one of the others is ``default`` |
| ``STORE_AWAY`` | ``unavailable`` (answer 503; the default) or ``default`` (answer the default ranking) |
| ``STORE_DEADLINE_SECONDS`` | how long Datastore may take for a request's look-ups; 1 |
| ``MAX_CONNECTIONS``, ``HEAD_SECONDS`` | see `Limits`; 1000, 5 |
| ``BODY_SECONDS``, ``MAX_BUFFERED_MIB`` | see `Limits`; 10, 64 |
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, quote

from .limits import Limits

# Smallest and largest value of each number.
_RANGES: dict[str, tuple[float, float]] = {
    "STORE_DEADLINE_SECONDS": (0.05, 10.0),
    "MAX_CONNECTIONS": (1, 100_000),
    "HEAD_SECONDS": (0.1, 600.0),
    "BODY_SECONDS": (0.1, 600.0),
    "MAX_BUFFERED_MIB": (4, 65_536),
}
_DATASTORE = re.compile(r"(?P<project>[^/?\s]+)/(?P<kind>[^/?\s]+)(\?(?P<query>.*))?")


class ConfigError(ValueError):
    """A setting of the endpoint that cannot be used; the message names the variable."""


@dataclass(frozen=True)
class SQLiteLocation:
    """Rankings in the SQLite file at `path`."""

    path: str

    def __str__(self) -> str:
        return f"sqlite:{self.path}"


@dataclass(frozen=True)
class DatastoreLocation:
    """Rankings as entities of `entity_kind` in Datastore; namespace None is the default one."""

    project: str
    entity_kind: str
    namespace: str | None = None

    def __str__(self) -> str:
        namespace = f"?namespace={quote(self.namespace, safe='')}" if self.namespace else ""
        return f"datastore:{self.project}/{self.entity_kind}{namespace}"


StoreLocation = SQLiteLocation | DatastoreLocation


@dataclass(frozen=True)
class ServingConfig:
    """Configuration of the endpoint.

    Attributes:
      store: where the rankings are.
      use_case: name of the use case.
      unknown_user: answer for a user without a current ranking.
      default_ranking: recommenders answered for such a user, best first.
      store_away: answer while the store cannot be reached.
      store_deadline_seconds: how long Datastore may take for the look-ups of a request.
      limits: bounds for slow or greedy clients.

    Raises:
      ConfigError: the default ranking is missing or names a recommender twice, or a number is out of range.
    """

    store: StoreLocation
    use_case: str
    unknown_user: Literal["default", "not_found"] = "default"
    default_ranking: tuple[str, ...] = ()
    store_away: Literal["unavailable", "default"] = "unavailable"
    store_deadline_seconds: float = 1.0
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for variable, value in (("UNKNOWN_USER", self.unknown_user), ("STORE_AWAY", self.store_away)):
            if value == "default" and not self.default_ranking:
                raise ConfigError(
                    "DEFAULT_RANKING: missing or empty; allowed: a JSON list of recommenders, best first "
                    f"(needed where {variable} is default)"
                )
        for variable, (low, high) in _RANGES.items():
            number = self._numbers[variable]
            if not low <= number <= high:
                raise ConfigError(f"{variable}: found {number:g}; allowed: {low:g} to {high:g}")
        if len(set(self.default_ranking)) != len(self.default_ranking) or "" in self.default_ranking:
            raise ConfigError(
                f"DEFAULT_RANKING: found {list(self.default_ranking)}; allowed: each recommender's name once"
            )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> ServingConfig:
        """Reads the variables of this module's table, from ``os.environ`` unless given.

        Raises:
          ConfigError: a variable is missing or malformed.
        """
        env = os.environ if environ is None else environ
        unknown_user = env.get("UNKNOWN_USER") or "default"
        if unknown_user not in ("default", "not_found"):
            raise ConfigError(f"UNKNOWN_USER: found {unknown_user!r}; allowed: default, not_found")
        store_away = env.get("STORE_AWAY") or "unavailable"
        if store_away not in ("unavailable", "default"):
            raise ConfigError(f"STORE_AWAY: found {store_away!r}; allowed: unavailable, default")
        return cls(
            store=_parse_store(_required(env, "RANKING_STORE")),
            use_case=_required(env, "USE_CASE"),
            unknown_user="default" if unknown_user == "default" else "not_found",
            default_ranking=_parse_ranking(env.get("DEFAULT_RANKING") or "[]"),
            store_away="default" if store_away == "default" else "unavailable",
            store_deadline_seconds=_number(env, "STORE_DEADLINE_SECONDS", 1.0),
            limits=Limits(
                max_connections=int(_number(env, "MAX_CONNECTIONS", Limits.max_connections)),
                head_seconds=_number(env, "HEAD_SECONDS", Limits.head_seconds),
                body_seconds=_number(env, "BODY_SECONDS", Limits.body_seconds),
                max_buffered_mib=_number(env, "MAX_BUFFERED_MIB", Limits.max_buffered_mib),
            ),
        )

    def to_env(self) -> dict[str, str]:
        """The variables that `from_env` reads back."""
        return {
            "RANKING_STORE": str(self.store),
            "USE_CASE": self.use_case,
            "UNKNOWN_USER": self.unknown_user,
            "DEFAULT_RANKING": json.dumps(self.default_ranking),
            "STORE_AWAY": self.store_away,
            **{variable: f"{value:g}" for variable, value in self._numbers.items()},
        }

    @property
    def _numbers(self) -> dict[str, float]:
        return {
            "STORE_DEADLINE_SECONDS": self.store_deadline_seconds,
            "MAX_CONNECTIONS": self.limits.max_connections,
            "HEAD_SECONDS": self.limits.head_seconds,
            "BODY_SECONDS": self.limits.body_seconds,
            "MAX_BUFFERED_MIB": self.limits.max_buffered_mib,
        }


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name)
    if not value:
        raise ConfigError(f"{name}: not set; serving/config.py lists the variables")
    return value


def _parse_store(text: str) -> StoreLocation:
    kind, _, rest = text.partition(":")
    if kind == "sqlite" and rest:
        return SQLiteLocation(rest)
    match = _DATASTORE.fullmatch(rest) if kind == "datastore" else None
    if match is not None:
        query = parse_qs(match["query"] or "", keep_blank_values=True)
        namespaces = query.pop("namespace", [])
        if not query and len(namespaces) <= 1 and "" not in namespaces:
            return DatastoreLocation(match["project"], match["kind"], *namespaces)
    raise ConfigError(
        f"RANKING_STORE: found {text!r}; allowed: sqlite:PATH, datastore:PROJECT/KIND, "
        "datastore:PROJECT/KIND?namespace=NAME"
    )


def _number(env: Mapping[str, str], variable: str, usual: float) -> float:
    text = env.get(variable)
    try:
        found = float(text) if text else usual
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise ConfigError(f"{variable}: found {text!r}; allowed: a number")
    return found


def _parse_ranking(text: str) -> tuple[str, ...]:
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"DEFAULT_RANKING: found {text!r}; allowed: a JSON list of recommenders")
    return tuple(names)
