"""The same graph serves both ways: what a request gets is what the batch path stores, bit for bit."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from tests.model_server import published
from tests.model_server.asking import ask, at


def batch_rankings(model: Path, day: dt.date, count: int) -> list[dict[str, Any]]:
    """As BulkInferrer scores the rows that ExampleGen makes of the inference table."""
    import tensorflow as tf

    from components.bulk_inferrer.scoring import Model
    from components.example_gen.in_memory import inference_examples

    use_case = published.use_case()
    _, examples = inference_examples(use_case, published.users(count), day)
    path = model.with_name(f"users-{day}-{count}")
    with tf.io.TFRecordWriter(str(path)) as writer:
        for example in examples:
            writer.write(example)
    (scored,) = Model(str(model), use_case, day.isoformat()).score(str(path))
    return scored.predictions.to_pylist()


@pytest.mark.parametrize("at_once", [1, 60])
def test_batch_and_request_rank_alike_bit_for_bit(model: Path, tmp_path: Path, at_once: int) -> None:
    workspace = published.workspace(tmp_path)
    version = published.publish(workspace, model, 14)
    items = published.items(published.users(60))
    bodies = [
        items[start] if at_once == 1 else {"items": items[start : start + at_once]}
        for start in range(0, len(items), at_once)
    ]
    days = [dt.date(2024, 1, 15), dt.date(2024, 1, 16)]
    explored = []
    for day in days:
        answers = ask(workspace, [("/rank", body) for body in bodies], now=at(f"{day} 08:15:02.120415"))
        found = [one for answer in answers for one in answer.json().get("rankings", [answer.json()])]
        expected = batch_rankings(model, day, len(items))
        assert len(found) == len(expected)
        for request, batch in zip(found, expected, strict=True):
            filled = batch["recommenders"].index(b"") if b"" in batch["recommenders"] else None
            assert request["user_id"].encode() == batch["user_id"]
            assert request["campaign"].encode() == batch["campaign"]
            assert [name.encode() for name in request["recommenders"]] == batch["recommenders"][:filled]
            # As float64, which holds each float32 exactly.
            assert request["scores"] == batch["scores"][:filled]
            assert request["propensities"] == batch["propensities"][:filled]
            assert request["explored"] is bool(batch["explored"])
        assert {one["model_version"] for one in found} == {version}
        assert {one["generated_at"] for one in found} == {f"{day}T08:15:02.120415Z"}
        explored.append([one["explored"] for one in found])
    # It explores, and another day draws anew.
    assert 0 < sum(explored[0]) < len(items)
    assert explored[0] != explored[1]
