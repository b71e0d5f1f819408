"""Every link of the pages leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, pages

_LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def _anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _broken(page: Path, root: Path = ROOT) -> list[str]:
    found = []
    for match in _LINK.finditer(page.read_text(encoding="utf-8")):
        target = match[1] or match[2]
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        leads_to = (page.parent / name).resolve() if name else page
        if not leads_to.exists() or not leads_to.is_relative_to(root.resolve()):
            found.append(f"{target}: no such file")
        elif anchor and anchor not in _anchors(leads_to):
            found.append(f"{target}: no such heading")
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert _broken(page) == []


def test_a_link_to_nothing_is_found(tmp_path: Path) -> None:
    written = tmp_path / "page.md"
    written.write_text("# One\n[a](other.md) [b](#one) [c](#two) [d](page.md#one)", encoding="utf-8")
    assert _broken(written, tmp_path) == ["other.md: no such file", "#two: no such heading"]


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in pages()
        for match in _LINK.finditer(page.read_text(encoding="utf-8"))
        if (target := match[1] or match[2]) and not target.startswith("http")
    }
    # GitHub shows these by itself.
    shown = {ROOT / "README.md"}
    assert [str(page) for page in pages() if page not in linked | shown] == []
