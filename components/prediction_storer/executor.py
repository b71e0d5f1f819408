"""Runs the step inside TFX."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

from pydantic import TypeAdapter
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.bulk_inferrer.groups import read_groups
from components.example_gen.example_files import SpreadFiles
from components.prediction_storer import reporting
from components.prediction_storer.counts import Counts
from components.prediction_storer.day_counts import DayCounts, bin_width
from components.prediction_storer.first_slots import FirstSlots, Judge, StoredRun
from components.prediction_storer.post_process import Stamp
from components.prediction_storer.produced import FILE, Summary
from components.prediction_storer.read_back import ReadBack
from components.prediction_storer.transforms import StorePredictions
from components.production_model.published import TRAINED_UNTIL, VERSION_KEY
from newsletter_bandit.errors import DataError
from newsletter_bandit.ranking_store import require_newest
from newsletter_bandit.reports.prediction_day import PredictionDay
from newsletter_bandit.settings.environment import DatastoreStore, SQLiteStore
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.run_date import RUN_DATE, SNAPSHOT_DATE
from serving.stores.base import StoreError

SPLIT = "inference"
_STORE: TypeAdapter[SQLiteStore | DatastoreStore] = TypeAdapter(SQLiteStore | DatastoreStore)


class Executor(base_beam_executor.BaseBeamExecutor):
    """Stores the rankings, and writes `summary.json` and the page of the day."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Stores the predictions of split ``inference``.

        Raises:
          DataError: there are no rows, more of them are refused than `storing.max_rejected_share`, the
            rankings are implausible by another bound of `storing`, or the store holds those of a later day.
            Then the store stays as it was, and the message names the file of the refused rows, beside the
            output folder. Or the store does not hold what it confirmed.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        use_case = UseCase.from_json(exec_properties["use_case"])
        predictions = artifact_utils.get_single_instance(input_dict["predictions"])
        model_version = predictions.get_string_custom_property(VERSION_KEY)
        # The day's start, not the clock, so that a rerun of the day writes the same records.
        day = dt.date.fromisoformat(predictions.get_string_custom_property(RUN_DATE))
        generated_at = dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC)
        folder = artifact_utils.get_single_instance(output_dict["summary"]).uri
        dead_letters = os.path.join(folder, "dead_letters.jsonl")
        counts_file = os.path.join(folder, "counts.json")
        first_slots_file = os.path.join(folder, "first_slots.json")
        max_rejected_share = use_case.storing.max_rejected_share
        previous = StoredRun.read(exec_properties["last_stored"], use_case.renamed)
        judge = Judge(use_case.storing, use_case.offered, previous, use_case.words)
        read_back_file = os.path.join(folder, "read_back.json")
        day_counts_file = os.path.join(folder, "day_counts.json")
        score_bin = bin_width(use_case.reward)
        store = _STORE.validate_json(exec_properties["store"])
        force = bool(exec_properties["force"])
        if not force and isinstance(store, SQLiteStore):
            # Datastore's writers look by themselves: on Google Cloud, this step may not.
            require_newest(store, day)

        files = _files(predictions)
        store_predictions = StorePredictions(
            recommenders=use_case.recommenders,
            stamp=Stamp(model_version, generated_at, use_case.name),
            store=store,
            max_rejected_share=max_rejected_share,
            dead_letters=dead_letters,
            counts=counts_file,
            first_slots=first_slots_file,
            judge=judge,
            score_bounds=use_case.storing.score_bounds(use_case.reward),
            shards=len(files),
            day_counts=day_counts_file,
            score_bin=score_bin,
            force=force,
            read_back=read_back_file,
            read_back_users=use_case.storing.read_back_users,
        )
        try:
            with self._make_beam_pipeline() as pipeline:
                _ = pipeline | SpreadFiles(files) | "StorePredictions" >> store_predictions
        except StoreError as error:
            raise DataError(f"ranking store: {error}") from error

        counts = Counts.from_json(_read(counts_file))
        if counts.refusal(max_rejected_share) is not None and counts.total_rejected:
            # TFX empties the output folder of a failed step.
            kept = os.path.join(folder.rstrip("/") + "-refused", "dead_letters.jsonl")
            io_utils.copy_file(dead_letters, kept, overwrite=True)
            raise DataError(f"{counts.refusal(max_rejected_share)}; the rows are in {kept}")
        counts.check(max_rejected_share, use_case.words)
        first_slots = FirstSlots.from_json(_read(first_slots_file))
        refusal = judge.refusal(first_slots)
        if refusal is not None:
            raise DataError(refusal)
        lost = ReadBack.from_json(_read(read_back_file)).refusal
        if lost is not None:
            raise DataError(lost)
        assert counts.first_expiry is not None  # the check has seen a stored ranking
        summary = Summary(
            model_version=model_version,
            generated_at=generated_at.isoformat(),
            read=counts.read,
            stored=counts.stored,
            rejected=counts.total_rejected,
            rejected_by_reason=counts.rejected,
            dead_letters=dead_letters if counts.total_rejected else None,
            expires_at=counts.first_expiry,
        )
        before = None if previous is None else previous.until(day.isoformat())
        StoredRun(day.isoformat(), model_version, first_slots.users, before).write(
            exec_properties["last_stored"]
        )
        io_utils.write_string_file(os.path.join(folder, FILE), summary.to_json())
        day_counts = DayCounts.from_json(_read(day_counts_file))
        found = PredictionDay(
            use_case=use_case,
            run_date=day,
            model_version=model_version,
            trained_until=reporting.day_or_none(predictions.get_string_custom_property(TRAINED_UNTIL)),
            snapshot=reporting.day_or_none(predictions.get_string_custom_property(SNAPSHOT_DATE)),
            expires_at=dt.datetime.fromisoformat(counts.first_expiry),
            rows=counts.read,
            rejected=counts.rejected,
            first=reporting.first_places(day_counts, score_bin),
            rankings=min(first_slots.rankings, counts.stored),  # it may be an estimate
            scores=reporting.histogram(day_counts, score_bin),
            before=reporting.earlier_day(before),
            store=reporting.look_at(store, dt.datetime.now(dt.UTC)),
            groups=reporting.groups(read_groups(predictions.uri), use_case.storing.min_group_users),
            options=reporting.options_of(exec_properties["options"]),
        )
        reporting.write(found, folder)


def _files(predictions: types.Artifact) -> list[str]:
    if SPLIT not in artifact_utils.decode_split_names(predictions.split_names):
        raise DataError(f"predictions: {predictions.uri} has no split {SPLIT}; BulkInferrer wrote no rows")
    pattern: str = io_utils.all_files_pattern(artifact_utils.get_split_uri([predictions], SPLIT))
    files = sorted(fileio.glob(pattern))
    if not files:
        raise DataError(f"predictions: found no file {pattern}; BulkInferrer wrote no rows")
    return files


def _read(path: str) -> str:
    with fileio.open(path, "r") as file:
        return str(file.read())
