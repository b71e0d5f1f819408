"""Behaviour of SQLite's store alone; tests/emulators/test_ranking_stores.py tests what both stores do."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serving.stores.base import CorruptRankingError, StoreError
from serving.stores.sqlite import SQLiteStore
from tests.rankings import ranking_of


def test_makes_the_file_and_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a b" / "c?d#e%20" / "rankings.sqlite"
    SQLiteStore(path).put_many([ranking_of(1)])
    assert path.is_file()
    assert SQLiteStore(path, read_only=True).get("user-1") == ranking_of(1)


def test_reading_a_missing_file_is_refused_and_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "rankings.sqlite"
    with pytest.raises(StoreError, match=r"rankings\.sqlite: no such file"):
        SQLiteStore(path, read_only=True)
    assert not path.exists()


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be taken for one\n" * 100)
    for read_only in (True, False):
        with pytest.raises(StoreError, match=r"notes\.txt: file is not a database"):
            SQLiteStore(path, read_only=read_only)


def test_another_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    sqlite3.connect(path).execute("CREATE TABLE other (a)").connection.close()
    with pytest.raises(StoreError, match="no such table: rankings"):
        SQLiteStore(path, read_only=True)


def test_an_older_file_is_refused_by_name_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "rankings.sqlite"
    SQLiteStore(path).put_many([ranking_of(1)])
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE rankings DROP COLUMN use_case")
    for read_only in (True, False):
        with pytest.raises(
            StoreError, match=r"rankings\.sqlite: the table rankings has no column use_case.*move"
        ):
            SQLiteStore(path, read_only=read_only)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "rankings.sqlite"
    SQLiteStore(path).put_many([ranking_of(1)])
    reader = SQLiteStore(path, read_only=True)
    with pytest.raises(StoreError, match="readonly"):
        reader.delete("user-1")
    assert reader.count() == 1


def test_all_or_none_of_a_call_is_written(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "rankings.sqlite")
    store.put_many([ranking_of(1)])

    def failing() -> object:
        yield ranking_of(1, "tuesday")
        yield ranking_of(2)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        store.put_many(failing())  # type: ignore[arg-type]
    assert store.get_many(["user-1", "user-2"]) == {"user-1": ranking_of(1)}
    store.put_many([ranking_of(2)])
    assert store.count() == 2


def test_readers_see_whole_batches_while_others_write(tmp_path: Path) -> None:
    path = tmp_path / "rankings.sqlite"
    store = SQLiteStore(path)
    store.put_many(ranking_of(number, "0") for number in range(200))
    reader = SQLiteStore(path, read_only=True)
    done = threading.Event()
    ids = [f"user-{number}" for number in range(200)]

    def read() -> set[int]:
        sizes = set()
        while not done.is_set():
            sizes.add(len({ranking.campaign for ranking in reader.get_many(ids).values()}))
        return sizes

    def write(worker: int) -> None:
        for day in range(10):
            store.put_many(ranking_of(number, f"{worker}-{day}") for number in range(200))

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for writer in [pool.submit(write, worker) for worker in range(2)]:
            writer.result()
        done.set()
        assert set().union(*(future.result() for future in readers)) <= {1}
    assert store.count() == 200


def test_a_record_that_breaks_the_contract_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rankings.sqlite"
    store = SQLiteStore(path)
    store.put_many([ranking_of(1)])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE rankings SET scores = ?", (json.dumps([1]),))
    with pytest.raises(CorruptRankingError, match="'user-1'"):
        store.get("user-1")


WRITER = """
import sys
from tests.rankings import ranking_of
from serving.stores.sqlite import SQLiteStore

def rest():
    yield from (ranking_of(number, "tuesday") for number in range(100, 150))
    print("halfway", flush=True)
    sys.stdin.read()  # until killed

store = SQLiteStore(sys.argv[1])
store.put_many(ranking_of(number, "tuesday") for number in range(100))
store.put_many(rest())
"""


def test_killed_halfway_and_run_again(tmp_path: Path) -> None:
    path = tmp_path / "rankings.sqlite"
    SQLiteStore(path).put_many(ranking_of(number, "monday") for number in range(200))
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "halfway\n"
        writer.kill()
    ids = [f"user-{number}" for number in range(200)]

    # The batch that was under way left nothing; the one before it is whole.
    found = SQLiteStore(path, read_only=True).get_many(ids)
    assert [found[user_id].campaign for user_id in ids] == ["tuesday"] * 100 + ["monday"] * 100

    store = SQLiteStore(path)
    store.put_many(ranking_of(number, "tuesday") for number in range(200))
    assert store.count() == 200
    assert store.get_many(ids) == {f"user-{number}": ranking_of(number, "tuesday") for number in range(200)}
