"""The console in a real browser: legible, silent, alone with its server, and used without a mouse."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from newsletter_bandit.registry.pointer import Pointer
from pipelines.workspace import Workspace
from tests.chromium import CONTRAST, TOO_WIDE, Tab, opened
from tests.console.made import FAILED, SOMEBODY, THIRD, TRAINED, let_wait, lived_in, registry_of
from tests.reports.made import FIRST, SECOND

pytestmark = pytest.mark.browser

FOURTH = "20261130T201500Z-44444444"
ROOT = Path(__file__).parents[2]
PAGES = (
    "/?done=pin",
    "/runs",
    f"/runs/{FAILED}",
    f"/compare?first={FIRST}&second={SECOND}",
    f"/users?user={quote(SOMEBODY)}",
    "/users?user=old",
    f"/versions/{THIRD}/rollback",
    f"/versions/{FOURTH}/approve",
    f"/versions/{FOURTH}/reject",
    f"/versions/{THIRD}/approve",
    f"/runs/{TRAINED}/report",
)
# What axe does not look for: a link's name must hold its words, and nothing may run.
_BESIDE_AXE = """
[...[...document.querySelectorAll("a[aria-label]")].filter(e => !e.ariaLabel.includes(e.innerText.trim())),
  ...document.querySelectorAll("script, iframe, [onclick]")].map(e => e.outerHTML.slice(0, 100))
"""


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = lived_in(tmp_path_factory.mktemp("used"))
    let_wait(made, FOURTH, SECOND)
    return made


@pytest.fixture(scope="module")
def address(used: Workspace) -> Iterator[str]:
    """What the command prints: address of the console, key included."""
    command = [sys.executable, "-m", "pipelines.cli.main", "console", "--port", "0", "--no-open"]
    command += ["--use-case", str(used.use_case_path), "--workdir", str(used.workdir)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "Console of tiny, for this machine alone (Ctrl-C stops):\n"
        yield process.stdout.readline().strip()
        process.send_signal(2)
        assert process.wait() == 0
    assert not list(used.workdir.glob("console-*.html"))


@pytest.fixture(scope="module")
def tab(address: str, used: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A tab to which the key was given by the file that the command opens."""
    (file,) = used.workdir.glob("console-*.html")
    assert file.stat().st_mode & 0o777 == 0o600
    with opened(tmp_path_factory.mktemp("chromium")) as found:
        found.open(home(address), 1280)
        assert "This browser was not given the key of the console." in found.evaluate(
            "document.body.innerText"
        )
        found.open(file, 1280)
        for _ in range(2):  # the file and the page of the key each lead on
            found.events.clear()
            found.loaded()
        assert found.evaluate("document.querySelector('h1').innerText") == "Model of 23 Nov 2026, 10:15"
        yield found


def home(address: str) -> str:
    return "{0.scheme}://{0.netloc}".format(urlsplit(address))


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_is_legible_and_asks_for_nothing_elsewhere(path: str, tab: Tab, address: str) -> None:
    for width in (390, 1280):
        for scheme in ("light", "dark"):
            tab.open(home(address) + path, width, scheme=scheme)
            assert tab.evaluate(TOO_WIDE) == [0, []], (width, scheme)
            contrast, text = tab.evaluate(CONTRAST)
            assert contrast >= 4.5, (width, scheme, text)
    assert tab.complaints() == []
    assert path.endswith("/report") or tab.axe() == []
    assert tab.evaluate(_BESIDE_AXE) == []
    asked = [url for url in tab.asked_for() if not url.startswith("data:")]
    assert {home(url) for url in asked} == {home(address)}
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 31)"  # dark


def _to(tab: Tab, asked: str, answer: str) -> None:
    """Moves the focus by the Tab key to where an expression has this value."""
    for _ in range(60):
        tab.press("Tab")
        if tab.evaluate(asked) == answer:
            return
    pytest.fail(f"the Tab key does not lead to {answer}")


def _go(tab: Tab, words: str) -> None:
    """Moves the focus by the Tab key to what has these words, sees where it is, and presses Enter."""
    _to(tab, "(document.activeElement.ariaLabel || document.activeElement.innerText).trim()", words)
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab.events.clear()
    tab.press("Enter")
    tab.loaded()


def test_an_approval_by_the_keyboard_alone(tab: Tab, address: str, used: Workspace) -> None:
    tab.open(home(address), 390)
    _go(tab, "Approve it")
    assert tab.evaluate("document.querySelector('h1').innerText") == "Approve this version?"
    _to(tab, "document.activeElement.id", "by")
    _to(tab, "document.activeElement.id", "note")
    tab.press("Tab")
    # Without a note the browser itself holds the form back.
    tab.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "note"
    tab.write("Read <it>.")
    assert registry_of(used).pointer() == Pointer(SECOND)
    _go(tab, "Approve it")
    assert registry_of(used).pointer() == Pointer(FOURTH)
    said = tab.evaluate("document.querySelector('[role=status]').innerText")
    assert said.startswith(f"Done: {FOURTH} is approved, and in production.")
    assert [one.note for one in registry_of(used).info(FOURTH).sign_offs.answers] == ["Read <it>."]
    assert tab.complaints() == []
    registry_of(used).set_current(SECOND)


def test_a_rollback_by_the_keyboard_alone(tab: Tab, address: str, used: Workspace) -> None:
    tab.open(home(address), 1280)
    _go(tab, f"Put into production: {FIRST}")
    assert tab.evaluate("document.querySelector('h1').innerText") == "Put this version into production?"
    assert registry_of(used).pointer() == Pointer(SECOND)
    _go(tab, "Put into production")
    assert registry_of(used).pointer() == Pointer(FIRST, pinned=True)
    said = tab.evaluate("document.querySelector('[role=status]').innerText")
    assert said.startswith(f"Done: {FIRST} is in production, and pinned. The next prediction uses it;")
    assert tab.complaints() == []
    assert tab.evaluate("location.pathname") == "/"


def test_a_user_is_looked_up_by_the_keyboard_alone(tab: Tab, address: str) -> None:
    tab.open(home(address), 390)
    _go(tab, "Users")
    for _ in range(20):
        tab.press("Tab")
        if tab.evaluate("document.activeElement.id") == "user":
            break
    tab.write(SOMEBODY)
    tab.events.clear()
    tab.press("Enter")
    tab.loaded()
    assert tab.evaluate("document.querySelector('h2').innerText") == f"Ranking of {SOMEBODY}"
    assert tab.evaluate("document.querySelectorAll('main b').length") == 1


def test_a_page_of_another_site_can_do_nothing(
    tab: Tab, address: str, used: Workspace, tmp_path: Path
) -> None:
    """A file that sends the right form, in the browser that was given the key."""
    before = registry_of(used).pointer()
    tab.open(f"{home(address)}/versions/{THIRD}/rollback", 1280)
    form = tab.evaluate("document.querySelector('form').outerHTML")
    evil = tmp_path / "evil.html"
    evil.write_text(re.sub('action="', f'action="{home(address)}', form), encoding="utf-8")
    tab.open(evil, 1280)
    tab.events.clear()
    tab.evaluate("document.forms[0].submit()")
    tab.loaded()
    told = tab.evaluate("document.body.innerText")
    assert "This was sent from elsewhere (Sec-Fetch-Site: cross-site)" in told
    assert registry_of(used).pointer() == before


def test_the_command_imports_neither_tensorflow_nor_tfx() -> None:
    code = (
        "import sys, pipelines.console.server\n"
        "print(sorted({'tensorflow', 'tfx', 'apache_beam', 'ml_metadata', 'matplotlib'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
