"""The benchmark of the model server in small: it runs, and knows a wrong ranking from a right one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import rank_requests
from tests.ranking_model import put_in_production


@pytest.mark.slow
def test_the_benchmark_in_small(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    put_in_production(tmp_path)
    file = tmp_path / "found.json"
    arguments = f"--users 20 --seconds 0.3 --warm 0.1 --rounds 1 --workdir {tmp_path} --json {file}"
    monkeypatch.setattr(sys, "argv", ["rank_requests", *arguments.split()])
    with pytest.raises(SystemExit):
        rank_requests.main()
    found = json.loads(file.read_text())
    for name in ("constant, 8", "model server, 1", "model server, 8"):
        assert found[name]["rows"] > 8
        assert found[name]["wrong"] == 0
        assert 0 < found[name]["p50"] <= found[name]["p99"] <= found[name]["max"]
    assert found["TensorFlow, 128"]["rows"] % 128 == 0
    assert "model server, 8: p99" in capsys.readouterr().out


def test_an_answer_with_another_ranking_is_wrong() -> None:
    one = rank_requests.Ranking(b"", b',"user_id":"u","recommenders":["a","b"],')
    answer = b'{"ranking_id":"%s","user_id":"u","recommenders":["%s"],"generated_at":"now"}'
    assert one.is_answered_by(answer % (b"0" * 32, b'a","b'))
    assert one.is_answered_by(answer % (b"f" * 32, b'a","b'))
    assert not one.is_answered_by(answer % (b"0" * 32, b'b","a'))
