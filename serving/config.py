"""Settings of the endpoint, from environment variables that are read when it starts.

| variable | value |
|---|---|
| ``RANKING_STORE`` | ``sqlite:PATH`` or ``datastore:PROJECT/KIND``, or that with ``?namespace=NAME`` |
| ``USE_CASE`` | name of the use case |
| ``UNKNOWN_USER`` | ``default`` (answer the default ranking; the default) or ``not_found`` (answer 404) |
| ``DEFAULT_RANKING`` | JSON list of recommenders, best first; needed where ``UNKNOWN_USER`` is ``default`` |
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, quote

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

    Raises:
      ConfigError: the default ranking is missing or names a recommender twice.
    """

    store: StoreLocation
    use_case: str
    unknown_user: Literal["default", "not_found"] = "default"
    default_ranking: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.unknown_user == "default" and not self.default_ranking:
            raise ConfigError(
                "DEFAULT_RANKING: missing or empty; allowed: a JSON list of recommenders, best first "
                "(needed where UNKNOWN_USER is default)"
            )
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
        return cls(
            store=_parse_store(_required(env, "RANKING_STORE")),
            use_case=_required(env, "USE_CASE"),
            unknown_user="default" if unknown_user == "default" else "not_found",
            default_ranking=_parse_ranking(env.get("DEFAULT_RANKING") or "[]"),
        )

    def to_env(self) -> dict[str, str]:
        """The variables that `from_env` reads back."""
        return {
            "RANKING_STORE": str(self.store),
            "USE_CASE": self.use_case,
            "UNKNOWN_USER": self.unknown_user,
            "DEFAULT_RANKING": json.dumps(self.default_ranking),
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


def _parse_ranking(text: str) -> tuple[str, ...]:
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"DEFAULT_RANKING: found {text!r}; allowed: a JSON list of recommenders")
    return tuple(names)
