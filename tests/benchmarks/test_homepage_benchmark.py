"""The homepage's benchmark in small: its policies stand in the order that the page says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import homepage


@pytest.mark.slow
def test_what_money_teaches_is_worth_more_than_what_clicks_teach(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "found.json"
    arguments = ["--rows", "12000", "--subjects", "2000", "--seeds", "1", "--json", str(file)]
    with pytest.raises(SystemExit) as ended:
        homepage.main(arguments)
    (found,) = json.loads(file.read_text())
    assert tuple(found) == homepage.POLICIES
    shares = homepage.closed(found)
    assert (shares["uniform"], shares["oracle"]) == (0.0, 1.0)
    assert shares["rules"] < shares["trained on clicks"] < shares["trained on value, served"]
    assert shares["best single"] < shares["trained on value, served"] < shares["trained on value"] < 1.0
    assert ended.value.code == (0 if shares["trained on value"] >= 0.9 else 1)
    assert f"{'oracle':26}{found['oracle']:9.4f}" in capsys.readouterr().out
