"""Recommenders over the published versions."""

from __future__ import annotations

from dataclasses import replace

from newsletter_bandit.registry import VersionInfo
from newsletter_bandit.registry.evidence.metrics import ActionOverlap
from newsletter_bandit.reports.page import page
from newsletter_bandit.reports.sections.over_time import over_time
from tests.reports import made


def version(name: str, **overlap: ActionOverlap) -> VersionInfo:
    """A version whose log held these recommenders."""
    found = made.version(name)
    assert found.metrics is not None
    overall = replace(found.metrics.overall, overlap=overlap)
    return replace(found, metrics=replace(found.metrics, overall=overall))


def test_share_and_value_of_each_under_todays_names() -> None:
    known = ActionOverlap(0.4, 0.3, 500.0, value=0.1, value_low=0.09, value_high=0.12)
    early = version(made.FIRST, a=known, gone=ActionOverlap(0.25, 0.1, 50.0), c=ActionOverlap(0.0, 0.0, 0.0))
    late = version(made.SECOND, **{made.NAMES[0]: known, "c": known})
    base = made.evidence()
    use_case = base.use_case.model_copy(update={"renamed": {"a": made.NAMES[0]}})
    found = over_time(replace(base, use_case=use_case), [late, early])
    assert found is not None
    assert found.versions == ("2026-11-02 10:15", "2026-11-23 10:15")
    cell = "40.0%: 10,000 (9,000 to 12,000)"
    assert found.rows == ((made.NAMES[0], (cell, cell)), ("c", ("", cell)), ("gone", ("25.0%", "")))


def test_one_version_is_no_history() -> None:
    assert over_time(made.evidence(), [made.version(made.FIRST)]) is None
    assert "Recommenders over time" not in page(made.evidence(), [made.version(made.FIRST)])


def test_the_page_shows_it_below_the_history() -> None:
    shown = page(made.evidence(), [made.version(made.FIRST), made.version(made.SECOND, current=True)])
    assert shown.index("Recommenders over time") > shown.index('id="history"')
    assert "deals &lt;b&gt;" not in shown
    assert "deals &amp; &lt;b&gt;more" in shown
