"""Every refusal of the settings in one place: each names the file, the key, what was found and what is
allowed.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.agents import LinTS, LinUCB
from newsletter_bandit.settings.base import Settings
from newsletter_bandit.settings.environment import Environment
from newsletter_bandit.settings.faults import faults
from newsletter_bandit.settings.reading import load_agent, load_environment, load_use_case
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.window import Window

REPOSITORY = Path(__file__).parents[2]
NEWSLETTER = REPOSITORY / "configs" / "newsletter.yaml"
LOCAL = REPOSITORY / "configs" / "environments" / "local.yaml"
VERTEX_FILE = LOCAL.with_name("vertex.yaml")

Change = Callable[[dict[str, Any]], object]


def put(*path: str, value: Any) -> Change:
    """Sets the value at ``path``."""

    def change(settings: dict[str, Any]) -> None:
        for key in path[:-1]:
            settings = settings.setdefault(key, {})
        settings[path[-1]] = value

    return change


def drop(key: str) -> Change:
    return lambda settings: settings.pop(key)


# What is wrong, the change, then the key and the words that the message must hold.
REFUSED_USE_CASES: dict[str, tuple[Change, list[str]]] = {
    "unknown key": (
        put("recomenders", value=[]),
        ["recomenders: unknown key; did you mean recommenders"],
    ),
    "unknown key below": (
        put("gate", "min_row", value=1),
        ["gate.min_row: unknown key; did you mean min_rows", "allowed:"],
    ),
    "missing key": (drop("agent"), ["agent: missing"]),
    "reference that is no policy": (
        put("gate", "reference", value={"policy": "production"}),
        ['gate.reference.policy: found "production"', "allowed: published or logged"],
    ),
    "reference of no age": (
        put("gate", "reference", value={"policy": "published", "age_days": 0}),
        ["gate.reference.age_days: found 0", "allowed: a whole number, at least 1 and at most 3650"],
    ),
    "reference of the log with an age": (
        put("gate", "reference", value={"policy": "logged", "age_days": 365}),
        ["gate.reference.age_days: unknown key", "allowed: allowed_margin, policy, when_unsure"],
    ),
    "missing recommenders": (drop("recommenders"), ["recommenders: missing"]),
    "repeated recommender": (
        put("recommenders", value=["bestsellers", "deals", "top_rated", "new_arrivals", "deals"]),
        ["recommenders: deals named twice", "name each recommender once"],
    ),
    "one recommender": (
        put("recommenders", value=["bestsellers"]),
        ["recommenders: found 1 recommenders", "allowed: 2 to 1000"],
    ),
    "name of a recommender": (
        put("recommenders", value=["bestsellers", "top_rated", "deals", "new_arrivals", "a|b"]),
        ["recommenders.4: found 'a|b'", "printable characters, without a bar (|)"],
    ),
    "recommender that begins with a blank": (
        put("recommenders", value=["bestsellers", " deals"]),
        ["recommenders.1: found ' deals'", "without blanks at its ends"],
    ),
    "recommender over two lines": (
        put("recommenders", value=["bestsellers", "new\narrivals"]),
        ["recommenders.1: found 'new\\narrivals'", "printable"],
    ),
    "recommender of 64 bytes": (
        put("recommenders", value=["bestsellers", "ü" * 32]),
        [f"recommenders.1: found '{'ü' * 32}', 64 bytes", "1 to 63 bytes of UTF-8"],
    ),
    "recommender without a name": (
        put("recommenders", value=["bestsellers", ""]),
        ["recommenders.1: found '', 0 bytes"],
    ),
    "recommender that YAML reads as a number": (
        put("recommenders", value=["bestsellers", 7]),
        ['recommenders.1: found the number 7; allowed: text; quote it, as in "7"'],
    ),
    "recommender that YAML reads as a truth value": (
        put("recommenders", value=["bestsellers", False]),
        ["recommenders.1: found false", "YAML reads yes, no, on and off", 'quote it, as in "false"'],
    ),
    "recommender that YAML reads as a date": (
        put("recommenders", value=["bestsellers", dt.date(2026, 3, 1)]),
        ["recommenders.1: found 2026-03-01", 'quote it, as in "2026-03-01"'],
    ),
    "default ranking": (
        put("default_ranking", value=["bestsellers", "horoscope"]),
        ["default_ranking: ['horoscope']", "allowed: one or more of", "clickbait_offers"],
    ),
    "empty default ranking": (
        put("default_ranking", value=[]),
        ["default_ranking: empty", "allowed: one or more of"],
    ),
    "retired that is not there": (
        put("retired", value=["horoscope"]),
        ["retired: ['horoscope']", "allowed: some of recommenders"],
    ),
    "retired default": (
        put("retired", value=["deals"]),
        ["default_ranking: ['deals'] are retired", "allowed: ['bestsellers', 'recently_viewed'"],
    ),
    "old name in use": (
        put("renamed", value={"deals": "refill"}),
        ["renamed: found 'deals' as an old name", "allowed: none of recommenders"],
    ),
    "renamed to nothing": (
        put("renamed", value={"offers": "discounts"}),
        ["renamed: offers to discounts", "allowed: one of"],
    ),
    "budget of a new recommender": (
        put("exploration", "new_arm", value={"min_share": 0.2}),
        ["exploration.new_arm", "found min_share 0.2, max_share 0.05", "allowed: none larger than the next"],
    ),
    "name": (
        put("name", value="News Letter"),
        ['name: found "News Letter"; allowed: small letters without accents, digits and hyphens, at most 40'],
    ),
    "table name": (
        put("tables", "training", value="newsletter.training; DROP TABLE x"),
        ["tables.training", "DROP TABLE"],
    ),
    "epsilon": (
        put("exploration", "epsilon", value=1.5),
        ["exploration.epsilon: found 1.5; allowed: a number, at least 0 and at most 1"],
    ),
    "unsubscribe reward": (
        put("reward", "terms", "unsubscribed", value=0.5),
        ["reward: terms.unsubscribed: found weight 0.5; allowed: 0 or less"],
    ),
    "number as text": (
        put("gate", "min_rows", value="many"),
        ['gate.min_rows: found "many"; allowed: a whole number, at least 1'],
    ),
    "confidence": (
        put("gate", "confidence", value=95),
        ["gate.confidence: found 95; allowed: a number, more than 0.5 and less than 1"],
    ),
    "evaluation share": (put("eval_share", value=0), ["eval_share: found 0", "more than 0 and less than 1"]),
    "overlap": (
        put("window", "overlap_weeks", value=4),
        ["window: overlap_weeks is 4", "allowed: 0 to weeks - 1 = 3"],
    ),
    "anchor": (
        put("window", "anchor", value="2026-02-30"),
        ['window.anchor: found "2026-02-30"; allowed: a date such as 2026-01-31'],
    ),
    "agent": (
        put("agent", value={"type": "magic"}),
        ['agent.type: found "magic"; allowed: neural_epsilon_greedy, boltzmann, ', "or lin_ts"],
    ),
    "setting of another agent": (
        put("agent", value={"type": "lin_ucb", "epochs": 3}),
        ["agent.epochs: unknown key; allowed: alpha, batch_size, l2, type"],
    ),
    "layers": (
        put("agent", "hidden_layers", value=[0]),
        ["agent", "hidden_layers", "found [0]", "1 to 4096 units"],
    ),
    "feature type": (
        put("features", "age", value={"type": "numeric"}),
        ['features.age.type: found "numeric"; allowed: string, number, date or bool'],
    ),
    "feature treatment": (
        put("features", "age", value={"type": "number", "treatment": "sqrt"}),
        ['features.age.treatment: found "sqrt"; allowed: z_score, log1p or identity'],
    ),
    "feature name": (
        put("features", "net price", value={"type": "number"}),
        ['features.net price: found "net price"; allowed: a name of letters'],
    ),
    "feature of the contract": (
        put("features", "propensity", value={"type": "number"}),
        ["features: ['propensity'] are columns of the contract"],
    ),
    "no features": (
        lambda settings: settings.update(features={}, slices=[]),
        ["features: none given", "allowed: one or more"],
    ),
    "history alone": (
        lambda settings: settings.update(
            features={"shown": {"type": "number", "history": {"count": "shown", "weeks": 4}}}, slices=[]
        ),
        ["features: all of them have history", "allowed: at least one of the user's own"],
    ),
    "history of no recommender": (
        put(
            "features",
            "age",
            value={"type": "number", "history": {"count": "shown", "recommender": "x", "weeks": 4}},
        ),
        ["features.age.history.recommender: x", "allowed: one of ['bestsellers'"],
    ),
    "history without an end": (
        put("features", "age", value={"type": "number", "history": {"count": "shown", "weeks": 0}}),
        ["features.age.history.weeks: found 0"],
    ),
    "slice that is not a feature": (
        put("slices", value=["country", "weather"]),
        ["slices: ['weather']", "allowed: features of this use case", "country"],
    ),
    "drift of no feature": (
        put("drift", "ignored", value=["weather"]),
        ["drift.ignored: ['weather']", "allowed: features of this use case", "country"],
    ),
    "slice of numbers": (
        put("slices", value=["country", "age"]),
        ["slices: ['age'] hold numbers", "allowed: features of type string or bool"],
    ),
    "column that is no column": (
        put("ingest", value={"training": {"colour": {"column": "Colour"}}}),
        ["ingest.training: ['colour']", "allowed:", "user_id", "country"],
    ),
    "names of values of no column": (
        put("ingest", value={"value_names": {"arm": {"1": "deals"}}}),
        ["ingest.value_names: 'arm'", "allowed:", "'recommender'", "'country'"],
    ),
    "names of values of a list": (
        put("ingest", value={"value_names": {"eligible_recommenders": {"1": "deals"}}}),
        ["ingest.value_names: 'eligible_recommenders'", "allowed:", "'recommender'"],
    ),
    "name of a value that is no recommender": (
        put("ingest", value={"value_names": {"recommender": {"1": "dealz"}}}),
        ["ingest.value_names.recommender: ['dealz']", "allowed: names of recommenders", "'deals'"],
    ),
    "value that YAML reads as a number": (
        put("ingest", value={"value_names": {"recommender": {1: "deals"}}}),
        ["ingest.value_names.recommender.1", "found the number 1; allowed: text; quote it"],
    ),
    "number in the place of a mapping": (
        put("gate", value=0.5),
        ["gate: found 0.5; allowed: a mapping with the keys min_rows, min_effective_sample_size, "],
    ),
    "type in the place of a feature": (
        put("features", "age", value="number"),
        ['features.age: found "number"; allowed: a mapping whose key type is string, number, date or bool'],
    ),
    "feature without a type": (
        put("features", "age", value={"treatment": "log1p"}),
        ["features.age.type: missing; allowed: string, number, date or bool"],
    ),
    "text in the place of a list": (
        put("default_ranking", value="deals"),
        ['default_ranking: found "deals"; allowed: a list, such as [a, b], each of whose items is text'],
    ),
    "text in the place of a truth value": (
        put("warm_start", value={"enabled": "perhaps"}),
        ['warm_start.enabled: found "perhaps"; allowed: true or false'],
    ),
    "estimated propensities of sends": (
        put("ingest", value={"sends": {"propensity": {"estimated_by": ["country"]}}}),
        ["ingest.sends.propensity: found estimated_by; allowed: for propensity, under training"],
    ),
    "estimated propensities by nothing": (
        put("ingest", value={"training": {"propensity": {"estimated_by": []}}}),
        ["ingest.training.propensity.estimated_by: found []"],
    ),
    "word for estimated propensities": (
        put("gate", "estimated_propensities", value="maybe"),
        ['gate.estimated_propensities: found "maybe"; allowed: cannot_tell or allow'],
    ),
    "column named without its key": (
        put("ingest", value={"training": {"user_id": "customer"}}),
        [
            'ingest.training.user_id: found "customer"; allowed: {column: ...}, {constant: ...}, '
            "{row_number: ...}, {filled: ...}, {split: ...}, {rule: ..., splits: ...} or {estimated_by: ...}"
        ],
    ),
    "misspelt source of a column": (
        put("ingest", value={"training": {"user_id": {"colum": "customer"}}}),
        ['ingest.training.user_id: found {"colum": "customer"}; allowed: {column: ...}, {constant'],
    ),
    "column named by a number": (
        put("ingest", value={"training": {"user_id": {"column": 5}}}),
        ['ingest.training.user_id.column: found 5; allowed: text; quote it, as in "5"'],
    ),
    "constant that is a list": (
        put("ingest", value={"training": {"propensity": {"constant": [0.5]}}}),
        ["ingest.training.propensity.constant: found [0.5]; allowed: text, a number or true or false"],
    ),
    "share of refused rows": (
        put("ingest", value={"max_rejected_share": 1.5}),
        ["ingest.max_rejected_share", "found 1.5"],
    ),
    "unknown user": (
        put("serving", "unknown_user", value="guess"),
        ['serving.unknown_user: found "guess"; allowed: default or not_found'],
    ),
    "days": (
        put("freshness", "expires_after_days", value=0),
        ["freshness.expires_after_days: found 0; allowed: a whole number, at least 1 and at most 365"],
    ),
}

REPOSITORY_OF_IMAGES = "europe-west1-docker.pkg.dev/my-project/newsletter-bandit/pipelines"
VERTEX = {
    "project": "my-project",
    "region": "europe-west1",
    "image": f"{REPOSITORY_OF_IMAGES}@sha256:{'0' * 64}",
    "service_account": "pipeline-runner@my-project.iam.gserviceaccount.com",
}

REFUSED_ENVIRONMENTS: dict[str, tuple[Change, list[str]]] = {
    "unknown key": (put("regsitry", value="x"), ["regsitry: unknown key", "allowed:", "registry"]),
    "warehouse": (
        put("warehouse", "kind", value="postgres"),
        ['warehouse.kind: found "postgres"; allowed: duckdb or bigquery'],
    ),
    "store": (
        put("store", value={"kind": "redis"}),
        ['store.kind: found "redis"; allowed: sqlite or datastore'],
    ),
    "project": (
        put("warehouse", value={"kind": "bigquery", "project": "My Project"}),
        ['warehouse.project: found "My Project"; allowed: a project\'s id: 6 to 30 small letters'],
    ),
    "runner": (
        put("processing", "runner", value="spark"),
        ['processing.runner: found "spark"; allowed: in_process, multi_processing or dataflow'],
    ),
    "workers": (
        put("processing", "workers", value=-1),
        ["processing.workers: found -1; allowed: a whole number, at least 0 and at most 1000"],
    ),
    "missing store": (drop("store"), ["store: missing"]),
    "image of a tag that moves": (
        put("vertex", value={**VERTEX, "image": f"{REPOSITORY_OF_IMAGES}:latest"}),
        ["vertex.image: found", ":latest", "a digest, @sha256:...", "the tag of the commit"],
    ),
    "image without a tag of a commit": (
        put("vertex", value={**VERTEX, "image": f"{REPOSITORY_OF_IMAGES}:1"}),
        ["vertex.image: found", "7 to 40 hexadecimal digits"],
    ),
    "step that is none": (
        put("vertex", value={**VERTEX, "step_resources": {"Tuner": {"cpu": 8}}}),
        ["vertex: step_resources: ['Tuner']", "allowed:", "Trainer"],
    ),
    "namespace": (
        put("store", value={"kind": "datastore", "project": "my-project", "namespace": "a b"}),
        ['store.namespace: found "a b"; allowed: letters without accents'],
    ),
}


def changed(original: Path, change: Change, folder: Path) -> Path:
    settings = copy.deepcopy(yaml.safe_load(original.read_text()))
    change(settings)
    path = folder / original.name
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    return path


@pytest.mark.parametrize(("change", "words"), REFUSED_USE_CASES.values(), ids=REFUSED_USE_CASES.keys())
def test_refused_use_case(change: Change, words: list[str], tmp_path: Path) -> None:
    path = changed(NEWSLETTER, change, tmp_path)
    with pytest.raises(SettingsError) as refusal:
        load_use_case(path)
    for word in [str(path), *words]:
        assert word in str(refusal.value)


@pytest.mark.parametrize(("change", "words"), REFUSED_ENVIRONMENTS.values(), ids=REFUSED_ENVIRONMENTS.keys())
def test_refused_environment(change: Change, words: list[str], tmp_path: Path) -> None:
    path = changed(LOCAL, change, tmp_path)
    with pytest.raises(SettingsError) as refusal:
        load_environment(path)
    for word in [str(path), *words]:
        assert word in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name: a\nname: b\n", ["the key 'name' occurs twice in one mapping at line 2, column 1"]),
        (b"gate: {min_rows: 1, min_rows: 2}\n", ["the key 'min_rows' occurs twice"]),
        (b"name: [a\n", ["not valid YAML", "line 2"]),
        (b"- name\n", ["found list", "allowed: a mapping of settings"]),
        (b"", ["found NoneType", "allowed: a mapping of settings"]),
        (b"name: \xff\n", ["not UTF-8 at byte 6"]),
    ],
    ids=["duplicate key", "duplicate key below", "no YAML", "list", "empty", "no text"],
)
def test_refused_file(content: bytes, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_bytes(content)
    for load in (load_use_case, load_environment):
        with pytest.raises(SettingsError) as refusal:
            load(path)
        for word in [str(path), *words]:
            assert word in str(refusal.value)


# Values that fit nearly nothing, and none of which is what a text, number, list or mapping would be.
WRONG: tuple[Any, ...] = (0.5, -7, "a b", [], [[1]], {}, {"a b": 1}, None, True, dt.date(2026, 3, 1))
PYDANTICS = re.compile(r"Input|should|valid |[Vv]alue error|instance of|\[a-z|\^|\$|\[key\]|FromC|parsing")


def paths(settings: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key that a file holds, and every key of a settings class that has a default."""
    for key, value in settings.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from paths(value, (*path, key))


@pytest.mark.parametrize(
    ("file", "model"), [(NEWSLETTER, UseCase), (VERTEX_FILE, Environment)], ids=["use case", "environment"]
)
def test_no_refusal_has_pydantics_words_or_a_pattern(file: Path, model: type[Settings]) -> None:
    settings = model.model_validate(yaml.safe_load(file.read_text())).model_dump(mode="json")
    refused = 0
    for path in paths(settings):
        for wrong in WRONG:
            changed_settings = copy.deepcopy(settings)
            put(*path, value=wrong)(changed_settings)
            try:
                model.model_validate(changed_settings)
            except ValidationError as error:
                for key, words in faults(error, model):
                    refused += 1
                    assert not PYDANTICS.search(words), f"{key}: {words}"
                    assert key == "" or key.split(".")[0] in settings
    assert refused > 300


def test_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.yaml"
    with pytest.raises(SettingsError, match=re.escape(f"{path}: cannot be read: No such file")):
        load_use_case(path)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    def change(settings: dict[str, Any]) -> None:
        settings["nonsense"] = 1
        settings["exploration"]["epsilon"] = -1
        del settings["tables"]

    path = changed(NEWSLETTER, change, tmp_path)
    with pytest.raises(SettingsError) as refusal:
        load_use_case(path)
    lines = str(refusal.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{path}: ") for line in lines)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_use_cases_of_the_repository_travel_as_json(path: Path) -> None:
    use_case = load_use_case(path)
    assert use_case.name == path.stem
    assert UseCase.from_json(use_case.to_json()) == use_case


@pytest.mark.parametrize("name", ["lin_ucb", "lin_ts"])
def test_the_ridge_of_linear_agents_is_the_measured_one_with_or_without_a_file(
    name: str, tmp_path: Path
) -> None:
    use_case = load_use_case(NEWSLETTER)
    for folder in (REPOSITORY / "configs" / "agents", tmp_path):
        agent = load_agent(folder, name, use_case).agent
        assert isinstance(agent, LinUCB | LinTS)
        assert agent.l2 == 300.0


def test_settings_that_this_version_does_not_know_are_those_of_a_newer_one() -> None:
    compiled = json.loads(load_use_case(NEWSLETTER).to_json())
    compiled["gate"]["max_moon_phase"] = 0.5
    with pytest.raises(SettingsError) as refusal:
        UseCase.from_json(json.dumps(compiled))
    for words in ("gate.max_moon_phase: unknown key", "image is older than the settings", "compile again"):
        assert words in str(refusal.value)
    # An older specification leaves out what it did not know, and gets its default.
    del compiled["gate"]["max_moon_phase"], compiled["gate"]["confidence"]
    assert UseCase.from_json(json.dumps(compiled)).gate.confidence == 0.95


def test_an_image_is_named_by_commit_or_digest(tmp_path: Path) -> None:
    for end in (":0123abc", f":{'a1' * 20}", f"@sha256:{'0' * 64}"):
        vertex = {**VERTEX, "image": f"{REPOSITORY_OF_IMAGES}{end}"}
        found = load_environment(changed(LOCAL, put("vertex", value=vertex), tmp_path)).vertex
        assert found is not None
        assert found.image.endswith(end)


def test_environments_of_the_repository_are_valid() -> None:
    folder = REPOSITORY / "configs" / "environments"
    environments = {path.stem: load_environment(path) for path in folder.glob("*.yaml")}
    assert {name: environment.name for name, environment in environments.items()} == {
        "local": "local",
        "vertex": "vertex",
    }
    assert environments["vertex"].warehouse.kind == "bigquery"
    assert environments["vertex"].store.kind == "datastore"


def test_relative_paths_lie_in_the_workdir(tmp_path: Path) -> None:
    path = changed(LOCAL, put("registry", value="gs://bucket/models"), tmp_path)
    environment = load_environment(path).in_workdir(tmp_path / "work", load_use_case(NEWSLETTER))
    assert environment.metadata.path == str(tmp_path / "work" / "metadata.sqlite")
    assert environment.warehouse.path == str(tmp_path / "work" / "warehouse.duckdb")  # type: ignore[union-attr]
    assert environment.store.path == str(tmp_path / "work" / "rankings-newsletter.sqlite")  # type: ignore[union-attr]
    assert environment.registry == "gs://bucket/models"


def test_the_datastore_namespace_is_the_use_cases_name(tmp_path: Path) -> None:
    use_case = load_use_case(NEWSLETTER)
    homepage = use_case.model_copy(update={"name": "homepage"})
    shipped = load_environment(REPOSITORY / "configs" / "environments" / "vertex.yaml")
    found = [shipped.in_workdir(tmp_path, each).store for each in (use_case, homepage)]
    assert [store.namespace for store in found] == ["newsletter", "homepage"]  # type: ignore[union-attr]
    store = {"kind": "datastore", "project": "my-project"}
    for settings, expected in (
        (store, "homepage"),
        ({**store, "namespace": "mail-{use_case}"}, "mail-homepage"),
        ({**store, "namespace": "blue"}, "blue"),
        ({**store, "namespace": None}, None),
    ):
        path = changed(LOCAL, put("store", value=settings), tmp_path)
        placed = load_environment(path).in_workdir(tmp_path, homepage)
        assert placed.store.namespace == expected  # type: ignore[union-attr]


# Window 0 runs from 2026-01-05 to 2026-02-01; with 3 days of attribution it can be trained on from 2026-02-05
# on.
WINDOW = Window(weeks=4, overlap_weeks=1, anchor=dt.date(2026, 1, 5))


@pytest.mark.parametrize(
    ("run_date", "start", "end"),
    [
        ("2026-02-05", "2026-01-05", "2026-02-02"),
        ("2026-02-25", "2026-01-05", "2026-02-02"),
        ("2026-02-26", "2026-01-26", "2026-02-23"),
        ("2026-03-19", "2026-02-16", "2026-03-16"),
    ],
)
def test_windows_advance_by_three_weeks(run_date: str, start: str, end: str) -> None:
    found = WINDOW.latest(dt.date.fromisoformat(run_date), attribution_days=3)
    assert found == (dt.date.fromisoformat(start), dt.date.fromisoformat(end))


def test_run_date_before_the_first_window() -> None:
    with pytest.raises(SettingsError) as refusal:
        WINDOW.latest(dt.date(2026, 2, 4), attribution_days=3)
    for word in ("run date 2026-02-04", "window.anchor 2026-01-05", "allowed: 2026-02-05 or later"):
        assert word in str(refusal.value)


@given(
    weeks=st.integers(1, 12),
    overlap=st.integers(0, 11),
    attribution=st.integers(0, 90),
    later=st.integers(0, 2000),
)
def test_the_newest_final_window_is_chosen(weeks: int, overlap: int, attribution: int, later: int) -> None:
    window = Window(weeks=weeks, overlap_weeks=min(overlap, weeks - 1), anchor=dt.date(2026, 1, 5))
    step = dt.timedelta(weeks=window.weeks - window.overlap_weeks)
    run_date = window.anchor + dt.timedelta(weeks=weeks, days=attribution + later)
    start, end = window.latest(run_date, attribution)
    final = run_date - dt.timedelta(days=attribution)
    assert end - start == dt.timedelta(weeks=weeks)
    assert (start - window.anchor) % step == dt.timedelta(0)
    assert end <= final < end + step


@pytest.mark.parametrize("name", ["Für dich – 50% off", 'The "best" \\ it\'s', "おすすめ", "ü" * 31, "7"])
def test_a_recommender_may_have_any_printable_name(name: str, tmp_path: Path) -> None:
    def renamed(settings: dict[str, Any]) -> None:
        settings["recommenders"] = settings["default_ranking"] = [name, "other"]
        settings["recommender_features"] = {}

    use_case = load_use_case(changed(NEWSLETTER, renamed, tmp_path))
    assert use_case.recommenders == (name, "other")
    assert UseCase.from_json(use_case.to_json()) == use_case
