"""docs/architecture.md draws the floors as they are: every room stands on one, and imports only look down."""

from __future__ import annotations

import re
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = ("pipelines", "components", "newsletter_bandit", "serving")
STEPS = "(one room per step)"


def picture() -> dict[str, list[list[str]]]:
    """Package -> its floors, the highest first, each the rooms on it; packages in the order of the
    picture.
    """
    (text,) = re.findall(r"```floors\n(.*?)```", PAGE.read_text(), re.DOTALL)
    drawn: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        if line.startswith(" "):
            package = list(drawn)[-1]
            drawn[package].append([STEPS] if line.strip() == STEPS else line.split())
        else:
            drawn[line] = []
    return drawn


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def room_of(module: str) -> tuple[str, str]:
    package, _, rest = module.partition(".")
    return package, rest.partition(".")[0]


def test_every_room_is_drawn_once(graph: grimp.ImportGraph) -> None:
    drawn = picture()
    assert tuple(drawn) == PACKAGES
    for package in ("pipelines", "newsletter_bandit"):
        rooms = sorted(child.partition(".")[2] for child in graph.find_children(package))
        assert sorted(room for floor in drawn[package] for room in floor) == rooms


def test_imports_only_look_down(graph: grimp.ImportGraph) -> None:
    drawn = picture()
    packages = list(drawn)
    height = {
        (package, room): level
        for package, floors in drawn.items()
        for level, floor in enumerate(floors)
        for room in floor
    }
    wrong = []
    for importer in graph.modules:
        own, own_room = room_of(importer)
        for imported in graph.find_modules_directly_imported_by(importer):
            package, room = room_of(imported)
            if own != package:
                looks_down = packages.index(own) < packages.index(package)
            elif (
                own_room == room or own not in ("pipelines", "newsletter_bandit") or not own_room or not room
            ):
                looks_down = True
            else:
                looks_down = height[own, own_room] < height[package, room]
            if not looks_down:
                wrong.append(f"{importer} imports {imported}")
    assert not wrong
    assert len(graph.modules) > 200


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`([\w./]+(?:/|\.py|\.yaml|\.md))`", PAGE.read_text())))
)
def test_what_the_page_names_is_there(path: str) -> None:
    rooms = ("", "newsletter_bandit/settings", "components/trainer", "pipelines", "serving/stores")
    if Path(path).stem == "NAME" or path in ("component.py", "base.py", "__init__.py"):
        path = str(Path(path).parent)
    assert any((ROOT / room / path).exists() for room in rooms), path
