"""Our agents in the closed loop: the code of the pipelines, step by step, without TFX around it.

    rows -> SQL and encoder -> tf.Examples -> Transform's graph -> arrays -> Trainer's fit
    -> evaluation of the held-out users -> gate -> decision -> serving policy

Two things differ from the pipelines, to keep a week short. Transform's graph is made once, from the warm-up.
And a week's rows are encoded and transformed once, however many windows contain them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft

from components.evaluator import in_memory as evaluator
from components.evaluator.gate import LOGGING_POLICY
from components.evaluator.rows import LOGGED, Outcome
from components.example_gen.in_memory import inference_examples, training_examples
from components.example_gen.partition import BUCKETS, eval_buckets, split_of
from components.pusher.criteria import NAMES, criteria, in_order
from components.serving_model_resolver.decision import decide
from components.trainer.data import ArrayData
from components.trainer.export import BanditModel
from components.trainer.training import fit
from components.trainer.warm_start import WarmStartState
from components.transform.in_memory import Transformer, analyse
from components.transform.layout import Layout, vocabulary_sizes
from newsletter_bandit.exported_model import PROPENSITIES, RECOMMENDERS, SERVING_PROBABILITIES
from newsletter_bandit.registry.evidence import Decision
from newsletter_bandit.settings.reference import PublishedReference
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.simulation.learner import FirstSlots, Gating, Learnt

_BATCH = 16_384
Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Encoded:
    """A week's rows as the training query gives them.

    Attributes:
      rows: the query's columns [n].
      examples: serialized tf.Examples [n].
      held_out: rows [n] of the eval split.
    """

    rows: pa.Table
    examples: npt.NDArray[np.object_]
    held_out: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Week:
    """An encoded week and its transformed rows, by the keys of `Layout`."""

    encoded: Encoded
    arrays: Arrays


class SharedWeeks:
    """State that the learners of one seed share: Transform's graph and the warm-up, encoded and transformed.

    Args:
      use_case: its features, reward and eval share; the agent does not matter here.
      warm_up: the tables of the weeks before the first training.
      folder: Transform's outputs are kept below it for the next run of the same log.
      digest: digest of the warm-up log.
    """

    def __init__(self, use_case: UseCase, warm_up: Sequence[pa.Table], folder: Path, digest: str) -> None:
        self._use_case = use_case
        self._warm_up = {campaign(table): table for table in warm_up}
        parts = use_case.model_dump_json(
            include={"features", "recommenders", "eval_share", "reward", "constraints"}
        )
        self._folder = folder / hashlib.sha256(f"{digest} {parts}".encode()).hexdigest()[:16]

    @cached_property
    def transform_output(self) -> tft.TFTransformOutput:
        """Transform's graph, analysed on the training split of the warm-up."""
        if self._folder.is_dir():
            return tft.TFTransformOutput(str(self._folder))
        train = [encoded.examples[~encoded.held_out] for encoded in self._encoded.values()]
        return analyse(self._use_case, list(itertools.chain.from_iterable(train)), self._folder)

    @cached_property
    def warm_up(self) -> dict[str, Week]:
        """The weeks before the first training by campaign."""
        return {
            name: Week(encoded, self._transform(encoded.examples)) for name, encoded in self._encoded.items()
        }

    def week(self, table: pa.Table) -> Week:
        """A week that only one learner has."""
        encoded = self._encode(table)
        return Week(encoded, self._transform(encoded.examples))

    @cached_property
    def _transform(self) -> Transformer:
        return Transformer(self.transform_output)

    @cached_property
    def _encoded(self) -> dict[str, Encoded]:
        return {name: self._encode(table) for name, table in self._warm_up.items()}

    def _encode(self, table: pa.Table) -> Encoded:
        rows, examples = training_examples(self._use_case, table, *_days(table))
        if not rows["user_id"].equals(table[self._use_case.key]):
            raise AssertionError("the query left out rows of the log, or changed their order")
        buckets = eval_buckets(self._use_case.eval_share)
        bounds = (BUCKETS - buckets, BUCKETS)
        users = rows["user_id"].cast(pa.binary()).to_pylist()
        return Encoded(rows, examples, np.array([split_of(user, bounds) == 1 for user in users]))


def campaign(table: pa.Table) -> str:
    """The campaign of a week's rows."""
    return str(table["campaign"][0].as_py())


def _days(table: pa.Table) -> tuple[dt.date, dt.date]:
    """First day of sending and the day after the last."""
    sent = table["sent_at"].cast(pa.timestamp("us")).to_numpy().astype("datetime64[D]")
    return sent.min().item(), sent.max().item() + dt.timedelta(days=1)


class BanditLearner:
    """One agent of the settings, trained, gated and served as in production.

    Args:
      name: name in tables and files.
      use_case: use case with the agent, its exploration and weighting.
      shared: state that the learners of the seed share.
    """

    def __init__(self, name: str, use_case: UseCase, shared: SharedWeeks) -> None:
        self.name = name
        self._use_case = use_case
        self._shared = shared
        self._own: dict[str, Week] = {}
        self._production: _Served | None = None
        # All that were, oldest first.
        self._published: list[tuple[dt.date, _Served]] = []

    @property
    def settings(self) -> Mapping[str, Any]:
        """The use case: everything that the outcome depends on."""
        return self._use_case.model_dump(mode="json")

    def learn(self, window: Sequence[pa.Table], day: dt.date) -> Learnt:
        """See `newsletter_bandit.simulation.learner.Learner`."""
        seconds: dict[str, float] = {}
        use_case, production = self._use_case, self._production
        tables = {campaign(table): table for table in window}
        with _timed(seconds, "transform"):
            known = {**self._shared.warm_up, **self._own}
            weeks = {name: known.get(name) or self._shared.week(table) for name, table in tables.items()}
            self._own = {n: week for n, week in weeks.items() if n not in self._shared.warm_up}
            data = self._training_data(list(weeks.values()))
        with _timed(seconds, "fit"):
            model = fit(use_case, data, self._shared.transform_output, warm_start=self._warm_start())
        with _timed(seconds, "evaluate"):
            encoded = [week.encoded for week in weeks.values()]
            held_out = np.concatenate([week.held_out for week in encoded])
            examples = np.concatenate([week.examples for week in encoded])[held_out]
            rows = pa.concat_tables([week.rows for week in encoded]).filter(pa.array(held_out))
            candidate = _call(model.evaluation, examples)
            other = _call(production.model.evaluation, examples) if production is not None else None
            compared_with = production.version if production is not None else LOGGING_POLICY
            reference = self._reference(day)
            models = [model, *(one.model for one in (production, reference) if one is not None)]
            figures, verdict = evaluator.evaluate(
                use_case,
                _outcome(rows, use_case),
                candidate,
                other,
                compared_with,
                [one.training_rows.numpy() > 0 for one in models],
                None if reference is None else _call(reference.model.evaluation, examples),
                LOGGING_POLICY if reference is None else reference.version,
                model.found,
            )
        if verdict.blessed:
            self._production = _Served(f"{self.name}-{day}", model, use_case)
            self._published.append((day, self._production))
            model_figures = figures.candidate
            earned = model_figures.eval_policy.values["dr"].value
            decision = decide(
                model_figures.exploration_cost, earned, figures.score_floor, use_case, model.found
            )
            self._production.attach(decision)
        gating = Gating(
            verdict=verdict.verdict,
            compared_with=compared_with,
            difference=figures.difference.value,
            low=figures.difference.low,
            high=figures.difference.high,
            rows=np.flatnonzero(held_out),
            candidate=candidate[SERVING_PROBABILITIES].astype(np.float64),
            production=None if other is None else other[SERVING_PROBABILITIES].astype(np.float64),
            reference=verdict.reference,
        )
        return Learnt(self._production if verdict.blessed else None, gating, seconds)

    def _reference(self, day: dt.date) -> _Served | None:
        """The earlier model that the gate compares with as well, as the step ReferenceModel finds it."""
        settings = self._use_case.gate.reference
        if not isinstance(settings, PublishedReference) or not self._published:
            return None
        cutoff = day - dt.timedelta(days=settings.age_days)
        old = [served for published, served in self._published if published <= cutoff]
        found = old[-1] if old else self._published[0][1]
        return None if found is self._production else found

    def _warm_start(self) -> WarmStartState | None:
        """State of the model in production, if the settings ask for it, read from its files."""
        if self._production is None or not self._use_case.warm_start.enabled:
            return None
        with tempfile.TemporaryDirectory(prefix="newsletter_bandit_") as folder:
            self._production.model.save(folder)
            return WarmStartState.load(folder)

    def _training_data(self, weeks: Sequence[Week]) -> ArrayData:
        output = self._shared.transform_output
        return ArrayData(
            {
                key: np.concatenate([week.arrays[key][~week.encoded.held_out] for week in weeks])
                for key in weeks[0].arrays
            },
            Layout.of(self._use_case),
            vocabulary_sizes(self._use_case, output),
            self._use_case.propensity_weighting,
        )


class _Served:
    """A blessed model as it serves."""

    def __init__(self, version: str, model: BanditModel, use_case: UseCase) -> None:
        self.version = version
        self.model = model
        self._use_case = use_case

    def attach(self, decision: Decision) -> None:
        """Gives the graph the criteria of the decision to serve it, as the Pusher does."""
        for name, value in criteria(decision).items():
            names = getattr(self.model, NAMES[name]).numpy().tolist() if name in NAMES else []
            getattr(self.model, name).assign(in_order(value, [one.decode() for one in names], name))

    def first_slots(self, inference: pa.Table, day: dt.date) -> FirstSlots:
        """See `newsletter_bandit.simulation.learner.Model`."""
        rows, examples = inference_examples(self._use_case, inference, day)
        if not rows["user_id"].equals(inference[self._use_case.key]):
            raise AssertionError("the query left out users, or changed their order")
        self.model.run_day.assign(day.isoformat())
        ranked = _call(self.model.serving_policy, examples)
        greedy = _call(self.model.eval_policy, examples)
        return FirstSlots(
            served=self._columns(ranked[RECOMMENDERS][:, 0]),
            propensity=np.minimum(ranked[PROPENSITIES][:, 0].astype(np.float64), 1.0),
            greedy=self._columns(greedy[RECOMMENDERS][:, 0]),
        )

    def _columns(self, names: npt.NDArray[np.object_]) -> npt.NDArray[np.int64]:
        column = {name.encode(): number for number, name in enumerate(self._use_case.recommenders)}
        return np.array([column[name] for name in names], dtype=np.int64)


def _outcome(rows: pa.Table, use_case: UseCase) -> Outcome:
    return Outcome(
        **{name: rows[name].to_numpy() for name in (*LOGGED, "user_id")},
        outcomes={name: rows[name].to_numpy() for name in use_case.reward.outcomes},
        subject=use_case.words.subject,
    )


def _call(signature: Any, examples: npt.NDArray[np.object_]) -> dict[str, npt.NDArray[Any]]:
    """The outputs of a policy or evaluation for any number of examples."""
    parts = [signature(tf.constant(examples[i : i + _BATCH])) for i in range(0, len(examples), _BATCH)]
    return {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    clock = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - clock
