"""Behaviour of SQLite's store alone; tests/emulators/test_ranking_stores.py tests what both stores do."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from serving.coverage import Coverage
from serving.stores.base import Ages, CorruptRankingError, StoreError
from serving.stores.sqlite import SQLiteReader, SQLiteStore, to_row
from tests.rankings import TABLE, make_ranking, ranking_of


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


def test_a_flipped_bit_never_changes_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "rankings.sqlite"
    written = {f"user-{number}": ranking_of(number) for number in range(40)}
    store = SQLiteStore(path)
    store.put_many(written.values())
    store.close()
    good = path.read_bytes()
    drawn = random.Random(1)
    outcomes: Counter[str] = Counter()
    for _ in range(400):
        content = bytearray(good)
        content[drawn.randrange(len(good))] ^= 1 << drawn.randrange(8)
        path.write_bytes(content)
        try:
            reader = SQLiteStore(path, read_only=True)
        except StoreError:
            outcomes["refused"] += 1
            continue
        try:
            found = reader.look_up(list(written))
        except StoreError:
            outcomes["refused"] += 1
            continue
        finally:
            reader.close()
        broken = {user for user, ranking in found.items() if isinstance(ranking, CorruptRankingError)}
        outcomes["a record named"] += bool(broken)
        wrong = [user for user in found.keys() - broken if found[user] != written[user]]
        assert wrong == []
    # Most bits of the file are a record's.
    assert outcomes["a record named"] > 100


def test_what_is_broken_does_not_hurt_the_others(tmp_path: Path) -> None:
    path = tmp_path / "rankings.sqlite"
    SQLiteStore(path).put_many(ranking_of(number) for number in range(3))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE rankings SET campaign = 'mondaz' WHERE user_id = 'user-1'")
    reader = SQLiteStore(path, read_only=True)
    found = reader.look_up(["user-0", "user-1", "user-2", "nobody"])
    assert (found["user-0"], found["user-2"], "nobody" in found) == (ranking_of(0), ranking_of(2), False)
    assert isinstance(found["user-1"], CorruptRankingError)
    for ask in (lambda: reader.get("user-1"), lambda: reader.get_many(["user-0", "user-1"])):
        with pytest.raises(CorruptRankingError, match="'user-1': its checksum does not fit"):
            ask()


def test_records_without_a_checksum_are_read_and_get_one_when_they_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "rankings.sqlite"
    with sqlite3.connect(path) as connection:
        # As an earlier version made it.
        connection.execute(TABLE.replace("NOT NULL,     -- RFC 3339, UTC\n  checksum TEXT", "NOT NULL"))
        for number in (1, 2):
            values = to_row(ranking_of(number))[:-1]
            connection.execute(f"INSERT INTO rankings VALUES ({', '.join('?' * len(values))})", values)
    connection.close()
    assert SQLiteStore(path, read_only=True).get("user-1") == ranking_of(1)
    store = SQLiteStore(path)
    store.put_many([ranking_of(2, "tuesday")])
    assert store.get_many(["user-1", "user-2"]) == {
        "user-1": ranking_of(1),
        "user-2": ranking_of(2, "tuesday"),
    }
    with sqlite3.connect(path) as connection:
        stored = dict(connection.execute("SELECT user_id, checksum FROM rankings").fetchall())
    assert stored["user-1"] is None
    assert len(stored["user-2"]) == 8


READ = """
import sys
from serving.stores.sqlite import SQLiteStore
print(sorted(SQLiteStore(sys.argv[1], read_only=True).get_many(["user-1", "user-2"])))
"""


def test_a_read_only_mount_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    store = SQLiteStore(folder / "rankings.sqlite")
    store.put_many([ranking_of(1), ranking_of(2)])
    store.close()
    mounted = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" -c "$3" "$4"'
    script = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh", str(folder)]
    if shutil.which("unshare") is None or subprocess.run([*script[:3], "true"], check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    done = subprocess.run(
        [*script, sys.executable, READ, str(folder / "rankings.sqlite")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("['user-1', 'user-2']\n", "")


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


def test_a_file_is_replaced_while_its_ages_are_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tmp_path / "rankings.sqlite", tmp_path / "other.sqlite"
    for file, count in ((path, 3), (other, 5)):
        store = SQLiteStore(file)
        store.put_many(ranking_of(number, "monday") for number in range(count))
        store.close()
    under_way, replaced, ages = threading.Event(), threading.Event(), SQLiteStore.ages

    def slowly(store: SQLiteStore, now: dt.datetime) -> Ages | None:
        with store._connection() as connection:
            rows = connection.execute("SELECT user_id FROM rankings")
            under_way.set()
            assert replaced.wait(60)
            assert len(rows.fetchall()) == 3
        return ages(store, now)

    async def look() -> Ages | None:
        reader = SQLiteReader(path)
        monkeypatch.setattr(reader, "SECONDS_BETWEEN_LOOKS", 0.0)
        await reader.ping()
        looking = asyncio.ensure_future(reader.ages(dt.datetime.now(dt.UTC)))
        await asyncio.to_thread(under_way.wait, 60)
        other.replace(path)
        assert await reader.get("user-4") is not None
        replaced.set()
        return await looking

    monkeypatch.setattr(SQLiteStore, "ages", slowly)
    found = asyncio.run(look())
    assert found is not None
    assert found.rankings == 3


def test_who_asks_for_freshness_at_once_shares_one_look(tmp_path: Path) -> None:
    path = tmp_path / "rankings.sqlite"
    store = SQLiteStore(path)
    store.put_many([make_ranking(expires_at=dt.datetime(2099, 1, 1, tzinfo=dt.UTC))])
    store.close()
    looks = []

    class Counted(SQLiteReader):
        async def ages(self, now: dt.datetime) -> Ages | None:
            looks.append(now)
            return await super().ages(now)

    async def look() -> list[dict[str, Any]]:
        coverage, now = Coverage(Counted(path)), dt.datetime.now(dt.UTC)
        return await asyncio.gather(*(coverage.look(now) for _ in range(3)))

    assert [found["rankings"] for found in asyncio.run(look())] == [1, 1, 1]
    assert len(looks) == 1


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
