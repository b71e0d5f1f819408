"""What is refused, with the field, what was found, and what is allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from newsletter_bandit.request_log.reader import read
from tests.model_server import published
from tests.model_server.asking import ask, at

ID = "0" * 32
NOW = at("2024-01-15 08:00:00")

# Path, body, status, code, and what the message says.
REFUSED: list[tuple[str, Any, int, str, str]] = [
    ("/rank", b"{", 400, "invalid_body", "not JSON"),
    ("/rank", [], 400, "invalid_body", "the body is []; allowed: an object with user_id, campaign"),
    ("/rank", {"items": {}}, 400, "invalid_body", "allowed: {items: [...]} alone"),
    ("/rank", {"items": []}, 400, "no_items", "items: found 0; allowed: 1 to 3"),
    ("/rank", {"items": [{"user_id": "u"}] * 4}, 400, "too_many_items", "items: found 4; allowed: 1 to 3"),
    ("/rank", {"items": ["u"]}, 400, "invalid_body", "items[0] is 'u'; allowed: an object with"),
    (
        "/rank",
        {"user_id": "u", "limit": 3},
        400,
        "unknown_field",
        "found 'limit'; allowed: user_id, campaign",
    ),
    ("/rank", {}, 400, "invalid_user_id", "user_id: found nothing; allowed: a text"),
    ("/rank", {"user_id": 7}, 400, "invalid_user_id", "user_id: found 7; allowed: a text"),
    ("/rank", {"user_id": " u"}, 400, "invalid_user_id", "found ' u'; allowed: a text without blanks"),
    ("/rank", {"user_id": "__u__"}, 400, "invalid_user_id", "reserved by Datastore"),
    (
        "/rank",
        {"user_id": "u", "campaign": ""},
        400,
        "invalid_campaign",
        "campaign: found 0 bytes; allowed: 1 to",
    ),
    ("/rank", {"user_id": "u", "campaign": "\ud800"}, 400, "invalid_campaign", "lone surrogate"),
    (
        "/rank",
        {"user_id": "u", "features": []},
        400,
        "invalid_body",
        "features: found []; allowed: an object",
    ),
    (
        "/rank",
        {"items": [{"user_id": "u"}, {"user_id": "u", "features": {"size": 3}}]},
        400,
        "unknown_feature",
        "items[1].features.size: no such feature; allowed: colour, height, joined, member",
    ),
    *(
        (
            "/rank",
            {"user_id": "u", "features": {name: value}},
            400,
            "invalid_feature",
            words,
        )
        for name, value, words in (
            ("height", "170", "found '170'; allowed: a finite number or null"),
            ("height", True, "found True; allowed: a finite number or null"),
            ("height", 10**400, "allowed: a finite number or null"),
            ("colour", 3, "found 3; allowed: a text or null"),
            ("colour", "\ud800", "allowed: a text or null"),
            ("member", 1, "found 1; allowed: true, false or null"),
            ("joined", "20240131", "found '20240131'; allowed: a date such as 2026-01-31, or null"),
            ("joined", "2024-02-30", "found '2024-02-30'; allowed: a date such as 2026-01-31, or null"),
        )
    ),
    ("/rank", b'{"user_id": "u", "features": {"height": NaN}}', 400, "invalid_feature", "height: found nan"),
    (
        "/rank",
        {"user_id": "u", "eligible_recommenders": ["a", "zz"]},
        400,
        "unknown_recommender",
        "eligible_recommenders: found 'zz'; allowed: a, b, c",
    ),
    (
        "/rank",
        {"user_id": "u", "eligible_recommenders": "a"},
        400,
        "invalid_body",
        "allowed: a list of recommenders",
    ),
    ("/rank", b"{" + b" " * 2048 + b"}", 413, "body_too_large", "larger than 1024 bytes"),
    (
        "/reward",
        {"ranking_id": "7", "outcomes": {"clicked": True}},
        400,
        "invalid_ranking_id",
        "ranking_id: found '7'",
    ),
    (
        "/reward",
        {"ranking_id": ID},
        400,
        "invalid_body",
        "outcomes: found None; allowed: an object with one or more",
    ),
    (
        "/reward",
        {"ranking_id": ID, "outcomes": {"bought": 1}},
        400,
        "unknown_outcome",
        "outcomes.bought: no such outcome; allowed: clicked, unsubscribed, basket",
    ),
    (
        "/reward",
        {"ranking_id": ID, "outcomes": {"clicked": 1}},
        400,
        "invalid_outcome",
        "allowed: true or false",
    ),
    (
        "/reward",
        {"ranking_id": ID, "outcomes": {"basket": "3"}},
        400,
        "invalid_outcome",
        "allowed: a finite number",
    ),
    (
        "/reward",
        {"ranking_id": ID, "outcomes": {"clicked": True}, "occurred_at": "2024-01-15 08:00:00"},
        400,
        "invalid_occurred_at",
        "allowed: a time with its zone such as",
    ),
    (
        "/reward",
        {"ranking_id": ID, "outcomes": {"clicked": True}, "occurred_at": "0001-01-01T00:00:00+14:00"},
        400,
        "invalid_occurred_at",
        "found '0001-01-01T00:00:00+14:00'; allowed: a time with its zone",
    ),
    # No answer can hold a lone surrogate.
    (
        "/rank",
        {"user_id": "u", "features": {"\ud800": 1}},
        400,
        "unknown_feature",
        "features.\\ud800: no such feature",
    ),
    (
        "/reward",
        {"ranking_id": ID, "outcomes": {"\ud800": 1}},
        400,
        "unknown_outcome",
        "outcomes.\\ud800: no such outcome",
    ),
    ("/rankings", {}, 404, "not_found", "there are POST /rank, POST /reward, GET /health"),
    ("/health", {}, 405, "method_not_allowed", "allowed: GET, HEAD"),
]


def test_every_refusal_names_field_found_and_allowed(model: Path, tmp_path: Path) -> None:
    workspace = published.workspace(tmp_path, max_items=3, max_body_kib=1)
    published.publish(workspace, model, 14)
    bodies = [
        (path, body if isinstance(body, bytes) else json.dumps(body).encode()) for path, body, *_ in REFUSED
    ]
    answers = ask(workspace, bodies, NOW)
    for answer, (path, body, status, code, words) in zip(answers, REFUSED, strict=True):
        assert answer.status_code == status, (path, body, answer.text)
        error = answer.json()["error"]
        assert error["code"] == code, (path, body, error)
        assert words in error["message"], (path, body, error)
    # Nothing of it was logged.
    assert list(Path(workspace.environment.model_server.log).iterdir()) == []


def test_a_whole_number_of_any_size_is_answered_and_logged(model: Path, tmp_path: Path) -> None:
    workspace = published.workspace(tmp_path)
    published.publish(workspace, model, 14)
    large = 10**30
    answers = ask(
        workspace,
        [
            ("/rank", {"user_id": "ü", "features": {"height": large}}),
            ("/reward", {"ranking_id": ID, "outcomes": {"basket": -large}}),
        ],
        NOW,
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    (file,) = Path(workspace.environment.model_server.log).iterdir()
    ranking, reward = [line.record for line in read(file)]
    assert ranking is not None
    assert reward is not None
    assert (ranking["user_id"], ranking["features"]) == ("ü", {"height": 1e30})
    assert reward["outcomes"] == {"basket": -1e30}


def test_a_list_of_retired_recommenders_is_refused(model: Path, tmp_path: Path) -> None:
    workspace = published.workspace(tmp_path)
    published.publish(workspace, model, 14)
    since = workspace.use_case.model_copy(update={"retired": ("c",)})
    body = {"user_id": "u", "eligible_recommenders": ["c"]}
    both = {"user_id": "u", "eligible_recommenders": ["bee", "c"]}
    refused, ranked = ask(published.of_use_case(workspace, since), [("/rank", body), ("/rank", both)], NOW)
    assert refused.status_code == 400
    assert refused.json()["error"] == {
        "code": "no_eligible_recommender",
        "message": "eligible_recommenders: found ['c'], none of which is ranked; allowed: a list with one of "
        "a, b, bee",
    }
    assert ranked.json()["recommenders"] == ["b"]


def test_without_a_campaign_it_is_the_week(model: Path, tmp_path: Path) -> None:
    workspace = published.workspace(tmp_path)
    published.publish(workspace, model, 14)
    bodies: list[dict[str, Any]] = [{}, {"campaign": None}, {"campaign": "x"}]
    answers = ask(workspace, [("/rank", {"user_id": "u", **body}) for body in bodies], NOW)
    assert [answer.json()["campaign"] for answer in answers] == ["2024-W03", "2024-W03", "x"]
