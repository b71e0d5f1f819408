"""The looks at evaluation rows: counted once each, and known again."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.registry import Registry, settings_digest
from newsletter_bandit.settings.use_case import Explanation
from tests.registry.made_looks import LOOK, WINDOW, look
from tests.tiny import make_use_case

NEXT = ("2026-11-02", "2026-11-30")


def test_looks_are_counted_by_window_and_an_evaluation_only_once(tmp_path: Path) -> None:
    looks = Registry(str(tmp_path), "tiny").looks
    assert looks.all() == []
    assert looks.note(look(1)) == 1
    assert looks.note(look(2, settings="others")) == 2
    assert looks.note(look(3, window=NEXT)) == 1
    # A step that is tried again.
    assert looks.note(look(1)) == 1
    looks.conclude("evaluation/2", "published", "v2")
    assert [(each.evaluation, each.outcome, each.version) for each in looks.all()] == [
        ("evaluation/1", "judged", None),
        ("evaluation/2", "published", "v2"),
        ("evaluation/3", "judged", None),
    ]


def test_how_a_model_is_explained_makes_no_other_model() -> None:
    use_case = make_use_case()
    explained = use_case.model_copy(update={"explanation": Explanation(permutations=9)})
    other = use_case.model_copy(update={"eval_share": 0.3})
    digest = settings_digest(use_case.to_json())
    assert settings_digest(explained.to_json()) == digest != settings_digest(other.to_json())
    renamed = make_use_case(key="session_id", words={"unit": "visit"})
    assert settings_digest(renamed.to_json()) == digest


@pytest.mark.parametrize(
    ("outcome", "version", "current", "again"),
    [
        ("not_blessed", None, None, False),  # compared with the logging policy, and nothing is there
        ("not_blessed", None, "v1", True),  # something else is in production now
        ("published", "v2", "v2", False),  # the model itself is
        ("published", "v2", "v1", True),  # somebody rolled back
        ("superseded", "v2", "v1", True),
        ("pinned", "v2", None, True),
        ("judged", None, None, True),  # the run did not end
    ],
)
def test_what_a_training_would_only_repeat(
    tmp_path: Path, outcome: str, version: str | None, current: str | None, again: bool
) -> None:
    looks = Registry(str(tmp_path), "tiny").looks
    looks.note(LOOK)
    looks.conclude(LOOK.evaluation, outcome, version)
    assert (looks.settled(WINDOW, "settings", "rows", current) is None) == again
    # Another window, other settings, other rows, or rows that nobody knows again: always a new one.
    for window, settings, rows in (
        (NEXT, "settings", "rows"),
        (WINDOW, "others", "rows"),
        (WINDOW, "settings", "more rows"),
        (WINDOW, "settings", ""),
    ):
        assert looks.settled(window, settings, rows, current) is None


@pytest.mark.parametrize("kept_out", ["pinned", "superseded"])
def test_a_model_that_was_kept_out_of_production_may_be_trained_again(tmp_path: Path, kept_out: str) -> None:
    looks = Registry(str(tmp_path), "tiny").looks
    looks.note(look(1))
    looks.conclude("evaluation/1", "published", "v1")
    assert looks.settled(WINDOW, "settings", "rows", "v1") == dataclasses.replace(
        look(1), outcome="published", version="v1"
    )
    # Judged all the same, and kept out: after `models unpin`, `train` is what gets it there.
    looks.note(look(2, compared_with="v1"))
    looks.conclude("evaluation/2", kept_out, "v2")
    assert looks.settled(WINDOW, "settings", "rows", "v1") is None


def test_looks_at_once_are_all_counted(tmp_path: Path) -> None:
    program = """
import sys
from newsletter_bandit.registry import Registry
from tests.registry.made_looks import look
looks = Registry(sys.argv[1], "tiny").looks
print(*[looks.note(look(int(sys.argv[2]) * 100 + number)) for number in range(20)])
"""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path), str(number)],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    numbers = [int(word) for process in running for word in process.communicate()[0].split()]
    assert sorted(numbers) == list(range(1, 81))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ('{"format": 2, "looks": []}', "format is 2; allowed: 1"),
        (json.dumps({"format": 1, "looks": [{}]}), r"no field looks\[0\]\.window"),
        (json.dumps({"format": 1, "looks": [{"window": ["2026-10-12"]}]}), "allowed: two days"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "looks.json").write_text(text)
    with pytest.raises(DataError, match=rf"looks\.json: .*{words}"):
        Registry(str(tmp_path), "tiny").looks.all()
