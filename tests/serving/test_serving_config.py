from __future__ import annotations

import pytest

from serving.config import ConfigError, DatastoreLocation, ServingConfig, SQLiteLocation
from serving.limits import Limits

ENV = {
    "RANKING_STORE": "sqlite:/data/rankings.sqlite",
    "USE_CASE": "newsletter",
    "DEFAULT_RANKING": '["bestsellers", "deals"]',
}


def test_reads_the_environment() -> None:
    assert ServingConfig.from_env(ENV) == ServingConfig(
        store=SQLiteLocation("/data/rankings.sqlite"),
        use_case="newsletter",
        unknown_user="default",
        default_ranking=("bestsellers", "deals"),
    )


@pytest.mark.parametrize(
    "store",
    [
        SQLiteLocation("relative:with/colon ?.sqlite"),
        DatastoreLocation("my-project", "Ranking"),
        DatastoreLocation("my-project", "Ranking", "blue & green"),
    ],
)
def test_variables_give_the_settings_back(store: SQLiteLocation | DatastoreLocation) -> None:
    config = ServingConfig(
        store, "newsletter", "not_found", ("deals", "été"), "default", 0.25, Limits(7, 1.5, 2.5, 8)
    )
    assert ServingConfig.from_env(config.to_env()) == config


def test_reads_the_process_environment_when_called(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    assert ServingConfig.from_env().use_case == "newsletter"


def test_no_default_ranking_where_unknown_users_are_not_found() -> None:
    env = {**ENV, "UNKNOWN_USER": "not_found", "DEFAULT_RANKING": ""}
    assert ServingConfig.from_env(env).default_ranking == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RANKING_STORE", ""),
        ("RANKING_STORE", "sqlite:"),
        ("RANKING_STORE", "mysql:host"),
        ("RANKING_STORE", "datastore:my-project"),
        ("RANKING_STORE", "datastore:my-project/Ranking?namspace=x"),
        ("RANKING_STORE", "datastore:my-project/Ranking?namespace="),
        ("RANKING_STORE", "datastore:my-project/Ranking?namespace=a&namespace=b"),
        ("USE_CASE", ""),
        ("UNKNOWN_USER", "ignore"),
        ("STORE_AWAY", "ignore"),
        ("STORE_DEADLINE_SECONDS", "soon"),
        ("STORE_DEADLINE_SECONDS", "60"),
        ("STORE_DEADLINE_SECONDS", "nan"),
        ("MAX_CONNECTIONS", "0"),
        ("HEAD_SECONDS", "-1"),
        ("BODY_SECONDS", "inf"),
        ("MAX_BUFFERED_MIB", "1"),
        ("DEFAULT_RANKING", ""),
        ("DEFAULT_RANKING", "[]"),
        ("DEFAULT_RANKING", "deals"),
        ("DEFAULT_RANKING", '{"deals": 1}'),
        ("DEFAULT_RANKING", "[1]"),
        ("DEFAULT_RANKING", '["deals", "deals"]'),
        ("DEFAULT_RANKING", '[""]'),
    ],
)
def test_refusals_name_the_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: "):
        ServingConfig.from_env({**ENV, name: value})
