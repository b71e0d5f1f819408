"""Files and folders that are replaced as a whole, by writers that end well, fail, or are killed at any
step.
"""

from __future__ import annotations

import io
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from newsletter_bandit.exchange import exchange
from newsletter_bandit.files import LocalFiles, filled, filled_folder, write_bytes, write_text
from tests.killing import COUNTED

OLD, NEW = b"old " * 1000, b"new " * 1000
# Replaces a file or folder; kills itself before its n-th step that reaches the disk, or half way through its
# content.
PROGRAM = f"""{COUNTED}
import shutil
from pathlib import Path
from newsletter_bandit import files
from newsletter_bandit.files import filled, filled_folder, write_bytes
way, path = sys.argv[1], Path(sys.argv[2])
os.fsync, os.replace, os.rename = counted(os.fsync), counted(os.replace), counted(os.rename)
shutil.rmtree, files.exchange = counted(shutil.rmtree), counted(files.exchange)
if way == "two renames":
    files.exchange = lambda one, other: False
def fill(file):
    with open(file, "wb", buffering=0) as content:
        content.write({NEW[:100]!r})
        step()
        content.write({NEW[100:]!r})
if way == "bytes":
    write_bytes(path, {NEW!r})
elif way == "filled":
    with filled(path) as temporary:
        fill(temporary)
else:
    with filled_folder(path) as temporary:
        (temporary / "inner").mkdir()
        fill(temporary / "first")
        fill(temporary / "inner" / "second")
"""


def make(way: str, path: Path, content: bytes) -> None:
    for file in files_of(way, path):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def files_of(way: str, path: Path) -> list[Path]:
    return [path / "first", path / "inner" / "second"] if way in ("folder", "two renames") else [path]


@pytest.mark.parametrize("way", ["bytes", "filled", "folder", "two renames"])
def test_killed_at_any_step_a_writer_leaves_the_old_or_the_new(way: str, tmp_path: Path) -> None:
    seen: list[set[bytes]] = []
    kill_at, ended = 0, -signal.SIGKILL
    while ended == -signal.SIGKILL:
        kill_at += 1
        path = tmp_path / str(kill_at) / "target"
        make(way, path, OLD)
        command = [sys.executable, "-c", PROGRAM, way, str(path), str(kill_at)]
        ended = subprocess.run(command, cwd=Path(__file__).parents[2]).returncode

        if way == "two renames" and not path.exists():
            # Between them, where the system cannot exchange folders; the old one lies beside.
            assert [read(way, earlier) for earlier in path.parent.iterdir() if read(way, earlier) == {OLD}]
            continue
        seen.append(read(way, path))
        others = [other.name for other in path.parent.iterdir() if other != path]
        assert all(name.startswith(".partial-") and name.endswith("-target") for name in others)
    assert ended == 0
    assert others == []
    assert seen[0] == {OLD}
    assert seen[-1] == {NEW}
    assert all(content in ({OLD}, {NEW}) for content in seen)


def read(way: str, path: Path) -> set[bytes]:
    return {file.read_bytes() for file in files_of(way, path) if file.exists()}


def test_two_folders_change_places_or_the_error_names_them(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    make("folder", one, OLD)
    make("folder", other, NEW)
    assert exchange(one, other)
    assert (read("folder", one), read("folder", other)) == ({NEW}, {OLD})
    with pytest.raises(FileNotFoundError, match="missing"):
        exchange(one, tmp_path / "missing")


def test_a_writer_that_fails_leaves_the_old_and_nothing_else(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    make("bytes", file, OLD)
    make("folder", folder, OLD)
    with pytest.raises(ZeroDivisionError), filled(file) as temporary:
        fail_at(temporary)
    with pytest.raises(ZeroDivisionError), filled_folder(folder) as temporary:
        fail_at(temporary / "first")
    with pytest.raises(ZeroDivisionError):
        LocalFiles().write(str(file), _Failing())
    assert read("bytes", file) == read("folder", folder) == {OLD}
    assert sorted(tmp_path.iterdir()) == [file, folder]


def fail_at(path: Path) -> None:
    path.write_bytes(NEW[:100])
    raise ZeroDivisionError


class _Failing(io.BytesIO):
    def read(self, _: int | None = -1) -> bytes:
        raise ZeroDivisionError


def test_the_temporary_file_ends_in_the_name_of_the_file(tmp_path: Path) -> None:
    with filled(tmp_path / "picture.png") as temporary:
        assert temporary.suffix == ".png"
        assert temporary.parent == tmp_path
        assert not temporary.exists()
        temporary.touch()
    assert (tmp_path / "picture.png").exists()


def test_a_folder_that_is_there_stays_where_it_must_not_be_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    make("folder", folder, OLD)
    with filled_folder(folder, replace=False) as temporary:
        make("folder", temporary, NEW)
    assert read("folder", folder) == {OLD}
    assert list(tmp_path.iterdir()) == [folder]


def test_folders_on_the_way_are_made_for_content_at_hand_alone(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "text", "été")
    write_bytes(str(tmp_path / "c" / "bytes"), NEW)
    assert (tmp_path / "a" / "b" / "text").read_bytes() == "été".encode()
    assert (tmp_path / "c" / "bytes").read_bytes() == NEW
    with pytest.raises(FileNotFoundError), filled(tmp_path / "d" / "file") as temporary:
        temporary.write_bytes(NEW)


def test_files_and_folders_have_the_permissions_that_any_program_gives_them(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "plain folder").mkdir()
    write_bytes(tmp_path / "file", NEW)
    with filled_folder(tmp_path / "folder"):
        pass
    assert mode(tmp_path / "file") == mode(tmp_path / "plain")
    assert mode(tmp_path / "folder") == mode(tmp_path / "plain folder")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
