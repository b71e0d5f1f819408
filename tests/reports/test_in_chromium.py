"""The page in a real browser: it asks for nothing, complains of nothing, and fits a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter_bandit.reports import Evidence, page
from tests.reports.chromium import Tab, opened
from tests.reports.made import FIRST, SECOND, refused, version, with_everything, wrong_propensities

RUNS = {
    "blessed": with_everything(),
    "cannot tell": refused(rows=(800.0, 2000.0, "800 is not >= 2000")),
    "wrong propensities": wrong_propensities(),
}
# Width of all that sticks out to the right, in CSS pixels, and of what.
_TOO_WIDE = """
(() => { const room = document.documentElement.clientWidth;
  return [document.documentElement.scrollWidth - room,
    [...document.querySelectorAll("body *:not(svg *)")].filter(e => e.checkVisibility()
      && e.getBoundingClientRect().right > room + 1 && getComputedStyle(e).clipPath == "none"
      && !e.closest("thead")).map(e => e.outerHTML.slice(0, 80))]; })()
"""
# Of each visible text its contrast with the ground behind it, the least first.
_CONTRAST = """
(() => { const rgb = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = rgb(c).map(v => v / 255).map(
    v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (rgb(c).length == 3 || rgb(c)[3] == 1) return c; } return "rgb(255, 255, 255)"; };
  return [...document.querySelectorAll("body *")].filter(e => e.checkVisibility()
    && [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())).map(e => {
      const svg = e.closest("svg"), s = getComputedStyle(e);
      const [a, b] = [light(svg ? s.fill : s.color), light(ground(e))].sort((x, y) => y - x);
      return [(a + .05) / (b + .05), e.textContent.trim().slice(0, 40)]; }
    ).sort((x, y) => x[0] - y[0])[0]; })()
"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with opened(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.mark.parametrize("run", RUNS)
def test_a_report_fits_asks_for_nothing_and_is_legible(run: str, tab: Tab, tmp_path: Path) -> None:
    found: Evidence = RUNS[run]
    path = tmp_path / "report.html"
    path.write_text(page(found, [version(FIRST), version(SECOND, current=True)]), encoding="utf-8")
    for width in (390, 700, 1280):
        for scheme in ("light", "dark"):
            tab.open(path, width, scheme=scheme)
            tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert tab.evaluate(_TOO_WIDE) == [0, []], (width, scheme)
            contrast, text = tab.evaluate(_CONTRAST)
            assert contrast >= 4.5, (width, scheme, text)
            asked = [
                told["request"]["url"] for method, told in tab.events if method == "Network.requestWillBeSent"
            ]
            assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
            complaints = [
                told
                for method, told in tab.events
                if method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
            ]
            assert complaints == []
    # The verdict is on the first screen of a phone, where a table's row is a list of names and values.
    tab.open(path, 390, 844)
    assert (
        tab.evaluate("getComputedStyle(document.querySelector('.guards [data-label=Result]')).display")
        == "flex"
    )
    assert tab.evaluate("document.querySelector('.sentence').getBoundingClientRect().bottom < innerHeight")


def test_paper_shows_what_a_screen_folds(tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    versions = [version(FIRST), version(SECOND, current=True)]
    path.write_text(page(with_everything(), versions), encoding="utf-8")
    tab.open(path, 794, media="print")
    assert tab.evaluate(_TOO_WIDE) == [0, []]
    heights = tab.evaluate(
        "[...document.querySelectorAll('details table')].map(e => e.getBoundingClientRect().height)"
    )
    assert len(heights) > 3
    assert min(heights) > 50
