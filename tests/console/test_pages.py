"""The console's pages, what it refuses and in which words, and that nothing of it is taken for markup."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from newsletter_bandit.registry.evidence import SignOffs
from newsletter_bandit.registry.pointer import Pointer
from newsletter_bandit.reports.durations import duration
from pipelines.console.app import make_app
from pipelines.console.guard import Access
from pipelines.events import StepEvent
from pipelines.local import progress
from pipelines.workspace import Workspace
from tests.console.made import (
    FAILED,
    NOW,
    PREDICTED,
    SOMEBODY,
    THIRD,
    TRAINED,
    UNSURE,
    let_wait,
    lived_in,
    publish,
    registry_of,
    run,
    workspace,
)
from tests.other_words import of_visits, told
from tests.reports.made import FIRST, SECOND, evidence
from tests.reports.made_day import day as predicted_day
from tests.reports.made_day import stale

pytestmark = pytest.mark.database

PORT = 8090
HOST = f"127.0.0.1:{PORT}"
ROLLBACK = f"/versions/{FIRST}/rollback"


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One work folder for all tests; who moves the pointer moves it back."""
    return lived_in(tmp_path_factory.mktemp("used"))


@pytest.fixture
def access() -> Access:
    return Access(PORT)


@pytest.fixture
def browser(used: Workspace, access: Access) -> Iterator[TestClient]:
    """A browser that was given the key."""
    yield client(used, access)
    registry_of(used).set_current(SECOND)


def client(found: Workspace, access: Access, now: dt.datetime = NOW) -> TestClient:
    made = TestClient(make_app(found, access, lambda: now), base_url=f"http://{HOST}")
    opened = made.get(access.address)
    assert (opened.status_code, 'content="0; url=/"' in opened.text) == (200, True)
    assert "HttpOnly" in opened.headers["set-cookie"]
    assert "SameSite=strict" in opened.headers["set-cookie"]
    return made


def send(browser: TestClient, path: str, form: dict[str, str], **headers: str) -> tuple[int, str]:
    """Sends a form as a browser does that shows one of the console's pages; status and words."""
    told = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    answer = browser.post(
        path,
        data=form,
        headers={name: value for name, value in told.items() if value},
        follow_redirects=False,
    )
    return answer.status_code, answer.headers.get("location") or words(answer.text)


def words(page: str) -> str:
    """The text of a page's content, on one line."""
    content = page[page.index("<main") : page.index("</main>")]
    return " ".join(re.sub(r"<[^>]*>", " ", content).split())


def form_of(browser: TestClient, path: str) -> dict[str, str]:
    """The form of a page that asks."""
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', browser.get(path).text))


def test_no_page_of_visits_tells_of_newsletters_or_users(tmp_path: Path, access: Access) -> None:
    of = of_visits(evidence())
    found = replace(workspace(tmp_path), use_case=of.use_case)
    for version in (FIRST, SECOND):
        publish(found, version, of)
    registry_of(found).set_current(SECOND)
    browser = client(found, access)
    compare = f"/compare?first={FIRST}&second={SECOND}"
    pages = {path: browser.get(path) for path in ("/", "/runs", "/versions", compare, "/users")}
    assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(pages, 200)
    texts = {path: re.sub(r"<[^>]*>", " ", page.text) for path, page in pages.items()}
    assert {path: told(text) for path, text in texts.items() if told(text)} == {}
    assert "How often each recommender fills the visit" in texts[compare]
    assert "Gain in unsubscribes" not in texts[compare]
    assert "Look a session up" in texts["/users"]


def test_the_first_page_says_what_is_in_production_and_what_happened(browser: TestClient) -> None:
    told = words(browser.get("/").text)
    assert f"In production Model of 23 Nov 2026, 10:15 {SECOND}" in told
    assert "Gain when judged +1,200 Its interval +400 to +2,000" in told
    assert (
        f"30 Nov 2026, 10:15 {THIRD} ? superseded +1,000 (0 to +2,000) Report Card Put into production"
        in told
    )
    assert f"2 Nov 2026, 10:15 {FIRST} replaced" in told
    assert "Prediction, 1 Dec 2026, 06:00 2026-12-01 1 h 6 min finished – " in told
    assert "Training, 30 Nov 2026, 08:00 2026-11-30 3 min 10 s ✕ failed – " in told
    assert "Training, 23 Nov 2026, 08:00 2026-11-23 3 min 10 s ✓ published Report" in told
    assert "Training, 16 Nov 2026, 08:00 2026-11-16 3 min 10 s ? cannot tell Report" in told


def test_a_run_is_told_step_by_step(browser: TestClient) -> None:
    assert "✕ failed colour: found &lt;unexpected&gt;; allowed:" in words(browser.get(f"/runs/{FAILED}").text)
    assert "? cannot tell Checks that failed: rows." in words(browser.get(f"/runs/{UNSURE}").text)
    told = words(browser.get(f"/runs/{TRAINED}").text)
    assert f"✓ published Day of the run 2026-11-23 Took 3 min 10 s Version {SECOND}" in told
    assert "DuckDBExampleGen 80,000 rows ✓ finished 3 s" in told


def test_a_report_is_shown_and_may_do_nothing(browser: TestClient) -> None:
    for path in (f"/runs/{TRAINED}/report", f"/versions/{FIRST}/report"):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert "may this model choose the next newsletters?" in answer.text
        assert "sandbox" in answer.headers["content-security-policy"]


def test_a_versions_card_is_a_text(browser: TestClient) -> None:
    assert f'href="/versions/{FIRST}/card"' in browser.get("/").text
    answer = browser.get(f"/versions/{FIRST}/card")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith(
        f"# Model card: tiny, {FIRST}\n\n> This card was made later, from the evidence"
    )
    assert browser.get(f"/versions/{FIRST[:-1]}0/card").status_code == 404


def test_two_versions_side_by_side(browser: TestClient) -> None:
    told = words(browser.get(f"/compare?first={FIRST}&second={SECOND}").text)
    assert f"{SECOND} was compared with {FIRST} newsletter by newsletter." in told
    assert "it earns 400 to 2,000 more net clicks (95% interval)" in told
    assert "Newsletters judged 15,000 20,000" in told
    assert "Gain in net clicks with its interval +1,000 (0 to +2,000) +1,200 (" in told
    assert "c – 60.0%" in told
    assert "exploration.epsilon 0.2 0.1" in told
    told = words(browser.get(f"/compare?first={FIRST}&second={THIRD}").text)
    assert "newsletters of different days" in told
    assert "None: both were trained with the same settings." in told
    assert f"selected>23 Nov 2026, 10:15 (in production) · {SECOND[-8:]}<" in browser.get("/compare").text


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (SOMEBODY, "Ranking of user &lt;7&gt; &amp; söhne Explored: the first place was drawn"),
        (SOMEBODY, "1. deals &amp; &lt;b&gt;more&lt;/b&gt; 0.213 85.0% 2. Kund&#39;in 0.18 50.0%"),
        (
            SOMEBODY,
            f"Age 0 days Served until 9 Dec 2026, 00:00 Campaign monday Made by the model {SECOND} : in",
        ),
        ("old", "It expired on 30 Nov 2026, 00:00. The endpoint answers the default ranking: Kund&#39;in."),
        ("old", "Not explored: the first place is what the model thinks best."),
        ("nobody", "No ranking is stored for nobody The endpoint answers the default ranking: Kund&#39;in."),
        ("foreign", "It belongs to the use case another. The endpoint of tiny refuses it."),
        ("__x__", "names like __this__ are reserved by Datastore"),
    ],
)
def test_a_user_is_looked_up(user: str, expected: str, browser: TestClient) -> None:
    assert expected in words(browser.get(f"/users?user={quote(user)}").text)


def test_a_rollback_is_asked_for_then_done_and_told(browser: TestClient, used: Workspace) -> None:
    asked = words(browser.get(ROLLBACK).text)
    assert asked.startswith("Put this version into production? The next prediction uses it. It is pinned:")
    assert f"Now 23 Nov 2026, 10:15 {SECOND} not pinned → Then 2 Nov 2026, 10:15 {FIRST} pinned" in asked
    assert registry_of(used).pointer() == Pointer(SECOND)
    assert send(browser, ROLLBACK, form_of(browser, ROLLBACK)) == (303, "/?done=rollback")
    assert registry_of(used).pointer() == Pointer(FIRST, pinned=True)
    told = words(browser.get("/?done=rollback").text)
    assert told.startswith(
        f"Done: {FIRST} is in production, and pinned. The next prediction uses it; rankings that are stored "
        "stay those of the model before until you run newsletter-bandit predict . In prod"
    )
    assert f"{FIRST} is in production already." in words(browser.get(ROLLBACK).text)
    kept_out = words(browser.get(f"/versions/{THIRD}/rollback").text)
    assert (
        f"when it was published: it was compared with {FIRST}, while {SECOND} was in production." in kept_out
    )


def test_a_pin_is_set_and_taken_away(browser: TestClient, used: Workspace) -> None:
    assert send(browser, "/pin", form_of(browser, "/pin")) == (303, "/?done=pin")
    assert registry_of(used).pointer() == Pointer(SECOND, pinned=True)
    assert "In production, pinned" in words(browser.get("/").text)
    assert send(browser, "/unpin", form_of(browser, "/unpin")) == (303, "/?done=unpin")
    assert registry_of(used).pointer() == Pointer(SECOND)


def test_an_action_on_what_one_no_longer_sees_changes_nothing(browser: TestClient, used: Workspace) -> None:
    forms = {path: form_of(browser, path) for path in (ROLLBACK, "/pin")}
    registry_of(used).set_current(THIRD)  # meanwhile
    for path, form in forms.items():
        status, told = send(browser, path, form)
        assert status == 409
        assert f"Nothing was changed {used.environment.registry}" in told
        assert f"production changed meanwhile: it was {SECOND}, and is {THIRD}; look again" in told
    assert registry_of(used).pointer() == Pointer(THIRD)


@pytest.mark.parametrize(
    ("headers", "form", "status", "said"),
    [
        (
            {"origin": "https://evil.example"},
            {},
            403,
            "This was sent from https://evil.example; allowed: only",
        ),
        ({"origin": f"http://localhost:{PORT}"}, {}, 403, f"This was sent from http://localhost:{PORT};"),
        ({"origin": "null"}, {}, 403, "This was sent from null;"),
        ({"origin": ""}, {}, 403, "This was sent from an unknown page (no Origin);"),
        ({"sec_fetch_site": "cross-site"}, {}, 403, "sent from elsewhere (Sec-Fetch-Site: cross-site);"),
        # Another port of this machine is the same site.
        ({"sec_fetch_site": "same-site"}, {}, 403, "sent from elsewhere (Sec-Fetch-Site: same-site);"),
        ({"sec_fetch_site": "none"}, {}, 403, "sent from elsewhere (Sec-Fetch-Site: none);"),
        (
            {"host": "evil.example"},
            {},
            421,
            "The console was called by the name evil.example; allowed: 127.0",
        ),
        ({"host": "127.0.0.1"}, {}, 421, "called by the name 127.0.0.1; allowed: 127.0.0.1:8090, localhost"),
        ({"cookie": "a=b"}, {}, 403, "This browser was not given the key of the console. Open the address"),
        ({}, {"token": ""}, 403, "The form does not hold the token of this console."),
        ({}, {"token": "é"}, 403, "The form does not hold the token of this console."),
        ({}, {"seen": "x" * 20_000}, 400, "The form is longer than 16384 bytes; none of ours is."),
    ],
)
def test_what_is_not_the_consoles_own_form_changes_nothing(
    headers: dict[str, str],
    form: dict[str, str],
    status: int,
    said: str,
    browser: TestClient,
    used: Workspace,
) -> None:
    for path in (ROLLBACK, "/pin", f"/versions/{SECOND}/reject"):
        found, told = send(browser, path, {**form_of(browser, path), **form}, **headers)
        assert (found, said in told) == (status, True), told
    assert registry_of(used).pointer() == Pointer(SECOND)
    assert registry_of(used).info(SECOND).sign_offs == SignOffs()


def test_a_form_without_token_or_without_what_was_seen_is_refused(browser: TestClient) -> None:
    form = form_of(browser, ROLLBACK)
    assert send(browser, ROLLBACK, {"seen": form["seen"]})[0] == 403
    status, told = send(browser, ROLLBACK, {"token": form["token"]})
    assert (status, told.startswith("That cannot be read The form does not say what was")) == (400, True)


def test_another_process_has_another_key_and_another_token(browser: TestClient, used: Workspace) -> None:
    later = client(used, Access(PORT))
    old = form_of(browser, ROLLBACK)
    assert send(later, ROLLBACK, old)[0] == 403
    answer = browser.get("/?key=wrong")
    assert (answer.status_code, "is not that of the console that runs now" in words(answer.text)) == (
        403,
        True,
    )


def test_nothing_changes_by_asking(browser: TestClient, used: Workspace) -> None:
    form = form_of(browser, ROLLBACK)
    for path in (ROLLBACK, "/pin"):
        for method in ("GET", "HEAD"):
            assert browser.request(method, path, params=form).status_code == 200
        for method in ("PUT", "DELETE"):
            answer = browser.request(method, path, params=form, headers={"origin": f"http://{HOST}"})
            assert answer.status_code == 405
    assert send(browser, "/runs", form) == (
        405,
        "Refused POST is not allowed on this page. To the first page",
    )
    assert registry_of(used).pointer() == Pointer(SECOND)


def test_another_site_may_link_here_but_not_load_anything(browser: TestClient) -> None:
    site = {"sec-fetch-site": "cross-site"}
    assert browser.get("/", headers={**site, "sec-fetch-mode": "navigate"}).status_code == 200
    answer = browser.get("/users?user=old", headers={**site, "sec-fetch-mode": "no-cors"})
    assert (answer.status_code, words(answer.text)[:43]) == (
        403,
        "Refused A page of another site asked for th",
    )


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        (
            f"/versions/{SECOND[:-1]}9/rollback",
            404,
            f"tiny has no version {SECOND[:-1]}9; available: {THIRD}, ",
        ),
        ("/versions/..%2F..%2Ftiny.yaml/report", 404, "There is no such page."),
        ("/versions/<b>/report", 404, "tiny has no version &lt;b&gt;; available"),
        ("/compare?first=<b>", 404, "tiny has no version &lt;b&gt;; available"),
        ("/runs/tiny-training-1", 404, "There is no run tiny-training-1 in the work folder."),
        (f"/runs/{PREDICTED}/report", 404, f"{PREDICTED} has no report: it stored no rankings."),
        ("/runs?from=-1", 400, "from is -1; allowed: a whole number from 0."),
        ("/nowhere", 404, "There is no such page."),
    ],
)
def test_what_is_not_there_is_named(path: str, status: int, said: str, browser: TestClient) -> None:
    answer = browser.get(path)
    assert (answer.status_code, said in words(answer.text)) == (status, True), words(answer.text)


def test_every_answer_keeps_to_itself(browser: TestClient) -> None:
    for path in ("/", "/nowhere", "/style.css", f"/runs/{TRAINED}/report"):
        headers = browser.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src")
        assert "script-src" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"


def test_a_work_folder_in_which_nothing_was_run_yet(tmp_path: Path, access: Access) -> None:
    browser = client(workspace(tmp_path), access)
    assert "Nothing is in production yet newsletter-bandit train trains a first model." in words(
        browser.get("/").text
    )
    elsewhere = client(replace(workspace(tmp_path), options="--workdir shop"), access)
    assert "newsletter-bandit train --workdir shop trains" in words(elsewhere.get("/").text)
    assert "There are none here." in words(browser.get("/runs").text)
    assert "No version is published so far; it takes two." in words(browser.get("/compare").text)
    answer = browser.get("/users?user=a")
    assert answer.status_code == 503
    assert "rankings-tiny.sqlite: no such file; run a batch prediction" in words(answer.text)
    assert "Nothing is in production, so there is nothing to pin." in words(browser.get("/pin").text)


FOURTH = "20261130T201500Z-44444444"


@pytest.fixture
def asked(tmp_path: Path, access: Access) -> tuple[TestClient, Workspace]:
    """A model waits for its sign-off; a run of another machine made it."""
    found = lived_in(tmp_path)
    let_wait(found, FOURTH, SECOND)
    return client(replace(found, options="--workdir shop"), access), found


def answered(browser: TestClient, action: str, note: str = "read", version: str = FOURTH) -> tuple[int, str]:
    path = f"/versions/{version}/{action}"
    return send(browser, path, {**form_of(browser, path), "by": "Ada <x>", "note": note})


def test_a_model_that_waits_is_approved_with_a_note(asked: tuple[TestClient, Workspace]) -> None:
    browser, found = asked
    told = words(browser.get("/").text)
    assert told.startswith("Model of 30 Nov 2026, 20:15 waits for your sign-off: blessed, +2,000 net clicks")
    assert f"{FOURTH} ? waits for sign-off" in told
    assert "Report Card Approve Reject" in told
    path = f"/versions/{FOURTH}/approve"
    page = browser.get(path).text
    assert "Approve this version? " in words(page)
    assert f"Now 23 Nov 2026, 10:15 {SECOND} in production → Then 30 Nov 2026, 20:15 {FOURTH}" in words(page)
    assert re.search(r'name="by" value="[^"]+" required', page)
    assert registry_of(found).pointer() == Pointer(SECOND)
    assert answered(browser, "approve", " ")[1].startswith(
        "That cannot be read The form is not complete. note: found &#39;&#39;; allowed: 1 to 1000"
    )
    # The rollback of a version that nobody approved would go around it.
    assert browser.get(f"/versions/{FOURTH}/rollback").status_code == 409
    assert send(browser, f"/versions/{FOURTH}/rollback", form_of(browser, path))[0] == 409
    assert registry_of(found).pointer() == Pointer(SECOND)
    assert answered(browser, "approve") == (303, f"/?done=approve&version={FOURTH}")
    assert registry_of(found).pointer() == Pointer(FOURTH)
    told = words(browser.get(f"/?done=approve&version={FOURTH}").text)
    assert told.startswith(f"Done: {FOURTH} is approved, and in production. The next prediction uses it;")
    assert f"{FOURTH} , approved by Ada &lt;x&gt; on 1 Dec 2026" in told
    assert "waits for your sign-off" not in told
    assert "approved by Ada &lt;x&gt; on 1 Dec 2026. “read”" in words(browser.get(path).text)
    # What another one has replaced is approved by nobody here.
    against = words(browser.get(f"/versions/{SECOND}/approve").text)
    assert f"It was in production before, and {FOURTH} is now; newsletter-bandit models rollback" in against
    assert f"models rollback {SECOND} --workdir shop brings it back" in against
    assert f"newsletter-bandit models approve {SECOND} --override --note TEXT" in against
    assert "Approve it" not in against


def test_a_model_that_waits_is_rejected_with_a_note(asked: tuple[TestClient, Workspace]) -> None:
    browser, found = asked
    form = form_of(browser, f"/versions/{FOURTH}/approve")
    assert answered(browser, "reject", "too many deals") == (303, f"/?done=reject&version={FOURTH}")
    told = words(browser.get(f"/?done=reject&version={FOURTH}").text)
    assert told.startswith(f"Done: {FOURTH} is rejected. In production stays: {SECOND}.")
    assert f"{FOURTH} ✕ rejected by Ada &lt;x&gt; on 1 Dec 2026" in told
    status, said = send(browser, f"/versions/{FOURTH}/approve", {**form, "by": "bob", "note": "yes"})
    assert status == 409
    assert "was rejected by Ada &lt;x&gt; on 1 Dec 2026 (too many deals)" in said
    assert registry_of(found).pointer() == Pointer(SECOND)


def test_a_run_says_what_became_of_the_version_that_waited(asked: tuple[TestClient, Workspace]) -> None:
    browser, found = asked
    fifth = "20261130T221500Z-55555555"
    let_wait(found, fifth, SECOND)
    names = {}
    for version, hour in ((FOURTH, 20), (fifth, 22)):
        of = replace(evidence(outcome="waiting", compared_with=SECOND), version=version)
        names[version] = f"tiny-training-20261130T{hour}0000.000000Z"
        run(found, names[version], of)

    def results() -> list[str]:
        first, runs = words(browser.get("/").text), words(browser.get("/runs").text)
        ends = [words(browser.get(f"/runs/{name}").text) for name in names.values()]
        shown = ("? blessed, sign-off needed", "✕ blessed, rejected", "? blessed, superseded", "✓ published")
        counted = [{text: page.count(text) for text in shown if text in page} for page in (first, runs)]
        assert counted[0] == counted[1]
        return [next(text for text in shown if text in end) for end in ends]

    assert results() == ["? blessed, sign-off needed"] * 2
    assert answered(browser, "reject", version=fifth)[0] == 303
    assert results() == ["? blessed, sign-off needed", "✕ blessed, rejected"]
    assert answered(browser, "approve")[0] == 303
    assert results() == ["✓ published", "✕ blessed, rejected"]
    assert "sign-off needed" not in browser.get("/").text


def test_an_approval_of_what_one_no_longer_sees_changes_nothing(asked: tuple[TestClient, Workspace]) -> None:
    browser, found = asked
    form = {**form_of(browser, f"/versions/{FOURTH}/approve"), "by": "ada", "note": "ok"}
    registry_of(found).set_current(FIRST)
    status, told = send(browser, f"/versions/{FOURTH}/approve", form)
    assert (status, "production changed meanwhile: it was" in told) == (409, True), told
    assert registry_of(found).info(FOURTH).sign_offs == SignOffs()


def test_a_report_says_what_became_of_its_model_since(asked: tuple[TestClient, Workspace]) -> None:
    browser, found = asked
    # Of a run on this machine, the page is made again.
    for path in (f"/runs/{TRAINED}/report", f"/versions/{SECOND}/report"):
        assert "Go live" in words(browser.get(path).text)
    # Of another machine's there is the stored page, and a word on it.
    stored = "<html><body><main><h1>Good, waits for your sign-off</h1></main></body></html>"
    registry_of(found).add_report(FOURTH, stored)
    told = words(browser.get(f"/versions/{FOURTH}/report").text)
    assert told.startswith("As of 1 Dec 2026, 12:00 UTC, this version is: waits for sign-off. This page")
    assert answered(browser, "approve")[0] == 303
    told = words(browser.get(f"/versions/{FOURTH}/report").text)
    assert "this version is: in production, approved by Ada &lt;x&gt; on 1 Dec 2026. This page" in told
    for path in (f"/runs/{TRAINED}/report", f"/versions/{SECOND}/report"):
        told = words(browser.get(path).text)
        assert "Was live, replaced since" in told
        assert "approved by Ada &lt;x&gt; on 1 Dec 2026" in told  # in the history
    # Where the registry cannot be read as a whole, the stored page says so.
    (Path(found.environment.registry) / "tiny" / FIRST / "metrics.json").write_text("?")
    told = words(browser.get(f"/runs/{TRAINED}/report").text)
    assert "this version is: replaced. This page is as it was made after the training;" in told
    assert "It could not be made again: " in told


def test_what_is_damaged_is_said_and_the_rest_is_shown(tmp_path: Path, access: Access) -> None:
    found = lived_in(tmp_path)
    browser = client(found, access)
    (tmp_path / "runs" / f"{UNSURE}.json").write_text('{"pipeline": "tiny-training"}')
    told = words(browser.get("/runs").text)
    assert "Training, 16 Nov 2026, 08:00 – unknown ✕ record unreadable" in told
    assert "Training, 23 Nov 2026, 08:00 2026-11-23 3 min 10 s ✓ published" in told
    assert f"{UNSURE}.json: no field" in words(browser.get(f"/runs/{UNSURE}").text)
    pointer = Path(found.environment.registry) / "tiny" / "CURRENT"
    pointer.write_text(f'{{"version": "{SECOND[:-1]}9"}}')
    told = words(browser.get("/").text)
    assert told.startswith(f"{SECOND[:-1]}9 should be in production, but it is missing from the registry.")
    assert send(browser, ROLLBACK, {**form_of(browser, ROLLBACK)})[0] == 409
    pointer.write_text("?")
    answer = browser.get("/")
    assert (answer.status_code, "CURRENT: not JSON" in words(answer.text)) == (500, True)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "under 1 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599.7, "1 h 0 min"), (None, "unknown")],
)
def test_how_long_something_took(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


def test_a_run_that_goes_on_and_one_that_was_killed(tmp_path: Path, access: Access) -> None:
    found = workspace(tmp_path)
    browser = client(found, access)
    killed = tmp_path / "runs" / "tiny-prediction-20261201T060000.000000Z.running"
    started = NOW - dt.timedelta(minutes=12)
    with progress.shown(tmp_path, "tiny-training", started, lambda _: None) as note:
        note(StepEvent("StatisticsGen", "finished", 3.0, "80,000 <rows>"))
        note(StepEvent("Trainer", "running"))
        killed.write_text('{"step": "BulkInferrer", "state": "running", "at": "2026-12-01", "detail": ""}\n')
        (tmp_path / "runs" / "other-training-20261201T060000.000000Z.running").touch()
        told = words(browser.get("/").text)
    assert "Going on Training , since 1 Dec 2026, 11:48: 12 min 0 s so far. Step State Since" in told
    assert re.search(r"StatisticsGen 80,000 &lt;rows&gt; ✓ finished \d\d:\d\d:\d\d Trainer … running", told)
    assert "Prediction of 1 Dec 2026, 06:00: killed at the step BulkInferrer. It left no record." in told
    assert "other" not in told
    killed.unlink()
    assert "Training" not in words(browser.get("/").text)


def test_the_first_page_reads_the_evidence_of_the_newest_versions_alone(
    tmp_path: Path, access: Access
) -> None:
    found = workspace(tmp_path)
    versions = [f"2026110{day}T101500Z-11111111" for day in range(1, 8)]
    for version in versions:
        publish(found, version, evidence())
    registry_of(found).set_current(versions[1])
    (Path(found.environment.registry) / "tiny" / versions[0] / "metrics.json").write_text("?")
    browser = client(found, access)
    page = browser.get("/").text
    assert [version in page for version in versions] == [False, *[True] * 6]
    assert 'href="/versions">All 7 versions<' in page
    answer = browser.get("/versions")
    assert (answer.status_code, f"{versions[0]}/metrics.json: not JSON" in answer.text) == (500, True)
    publish(found, "20261109T101500Z-11111111", evidence())
    (Path(found.environment.registry) / "tiny" / versions[0] / "manifest.json").unlink()
    told = words(browser.get("/versions").text)
    assert [version in told for version in versions] == [False, *[True] * 6]


def test_many_runs_come_in_pages(tmp_path: Path, access: Access) -> None:
    found = workspace(tmp_path)
    for day in range(1, 29):
        run(found, f"tiny-prediction-202611{day:02}T060000.000000Z")
    run(found, "tiny-other-training-20261101T060000.000000Z")  # of another use case
    browser = client(found, access)
    first, second = browser.get("/runs").text, browser.get("/runs?from=25").text
    assert ("Prediction, 28 Nov" in first, "Prediction, 3 Nov" in first) == (True, False)
    assert 'href="/runs?from=25">Older' in first
    assert ("Prediction, 3 Nov" in second, "Older" in second) == (True, False)
    assert 'href="/runs?from=0">Newer' in second
    assert "Training" not in first + second


def test_a_prediction_shows_its_page_and_what_is_to_be_looked_at(tmp_path: Path, access: Access) -> None:
    found = workspace(tmp_path)
    for name, of in ((PREDICTED, predicted_day()), (PREDICTED.replace("T06", "T07"), stale())):
        run(found, name, of)
    browser = client(found, access)
    told = words(browser.get("/runs").text)
    assert "✓ stored Report" in told
    assert "? something to look at Report" in told
    one = words(browser.get(f"/runs/{PREDICTED.replace('T06', 'T07')}").text)
    assert "33.3% of the rankings being served are older than this day" in one
    assert "10,000 users have a ranking for 26 November 2026" in browser.get(f"/runs/{PREDICTED}/report").text
