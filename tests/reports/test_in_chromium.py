"""The page in a real browser: it asks for nothing, complains of nothing, and fits a phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter_bandit.reports import page
from newsletter_bandit.reports.prediction_day import page as day_page
from tests.chromium import CONTRAST, TOO_WIDE, Tab, opened
from tests.reports.made import FIRST, SECOND, refused, version, with_everything, wrong_propensities
from tests.reports.made_day import TOOK, long_ago, shifted

pytestmark = pytest.mark.browser

VERSIONS = [version(FIRST), version(SECOND, current=True)]
PAGES = {
    "blessed": lambda: page(with_everything(), VERSIONS),
    "cannot tell": lambda: page(refused(rows=(800.0, 2000.0, "800 is not >= 2000")), VERSIONS),
    "wrong propensities": lambda: page(wrong_propensities(), VERSIONS),
    "day": lambda: day_page(shifted(), TOOK),
    "day that is not served": lambda: day_page(replace(long_ago(), before=None)),
}


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with opened(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.mark.parametrize("run", PAGES)
def test_a_report_fits_asks_for_nothing_and_is_legible(run: str, tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(PAGES[run](), encoding="utf-8")
    for width in (390, 700, 1280):
        for scheme in ("light", "dark"):
            tab.open(path, width, scheme=scheme)
            tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert tab.evaluate(TOO_WIDE) == [0, []], (width, scheme)
            contrast, text = tab.evaluate(CONTRAST)
            assert contrast >= 4.5, (width, scheme, text)
            assert [url for url in tab.asked_for() if not url.startswith("data:")] == [path.as_uri()]
            assert tab.complaints() == []
    # The verdict is on the first screen of a phone, where a table's row is a list of names and values.
    tab.open(path, 390, 844)
    assert (
        tab.evaluate("getComputedStyle(document.querySelector('.guards [data-label=Result]')).display")
        == "flex"
    )
    assert tab.evaluate("document.querySelector('.sentence').getBoundingClientRect().bottom < innerHeight")


def test_paper_shows_what_a_screen_folds(tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page(with_everything(), VERSIONS), encoding="utf-8")
    tab.open(path, 794, media="print")
    assert tab.evaluate(TOO_WIDE) == [0, []]
    heights = tab.evaluate(
        "[...document.querySelectorAll('details table')].map(e => e.getBoundingClientRect().height)"
    )
    assert len(heights) > 3
    assert min(heights) > 50
