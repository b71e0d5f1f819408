"""The encoding of a CSV file: by its mark, by its bytes, or as a person said; never by a guess unsaid."""

from __future__ import annotations

import codecs
import gzip
import re
import shutil
import tempfile
import weakref
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast, get_args

from newsletter_bandit.errors import DataError
from newsletter_bandit.quoting import text

Encoding = Literal["utf-8", "utf-16", "windows-1252", "latin-1"]
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
_MARKS: tuple[tuple[bytes, Encoding], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLOCK = 1 << 20  # bytes read at once
# Bytes that no text in Windows-1252 has, and that the others of one byte per character have as letters.
_UNUSED = frozenset((0x81, 0x8D, 0x8F, 0x90, 0x9D))
# What texts of Western Europe hold besides ASCII, as Windows-1252 writes it. Files of other places and of old
# Macs, read so, hold others: the Polish l with a stroke becomes a superscript three.
_WESTERN = frozenset(
    "€‚„…‘’“”•–—™Œœ\u00a0¡£§©ª«®°´·º»¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ"
)
_WORD = re.compile(r"[^\s;,|\t\"]*[^\x00-\x7f][^\s;,|\t\"]*")


@dataclass(frozen=True)
class Encoded:
    """How a CSV file is encoded.

    Attributes:
      encoding: one of `ENCODINGS`.
      said: a sentence where that was found out, or is not as a person said; "" elsewhere.
    """

    encoding: Encoding
    said: str = ""

    @property
    def codec(self) -> str:
        """Python's name; a mark at the beginning is no text."""
        return {"utf-8": "utf-8-sig", "utf-16": "utf-16"}.get(self.encoding, self.encoding)

    @property
    def option(self) -> str:
        """Option of DuckDB's reader."""
        return f", encoding = {text('utf-16')}" if self.encoding == "utf-16" else ""

    @property
    def unknown_to_duckdb(self) -> bool:
        """DuckDB reads a `Copy` instead."""
        return self.encoding in ("windows-1252", "latin-1")


class Copy:
    """A copy of a file in UTF-8, which is there as long as this object.

    Args:
      path: the file, gzip where its name ends with `.gz`.
      encoded: its encoding.

    Raises:
      DataError: it cannot be read or written.
    """

    def __init__(self, path: Path, encoded: Encoded) -> None:
        folder = tempfile.mkdtemp(prefix="newsletter-bandit-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.path = Path(folder) / "utf8.csv"
        try:
            with _opened(path) as file, self.path.open("wb") as made:
                recoder = codecs.getincrementaldecoder(encoded.codec)()
                while block := file.read(_BLOCK):
                    made.write(recoder.decode(block).encode("utf-8"))
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path}: cannot be read as UTF-8: {error}") from error


def encoding_of(path: Path, given: Encoding | None, guess: bool) -> Encoded:
    """The encoding of a CSV file.

    Args:
      path: the file, gzip where its name ends with `.gz`.
      given: what a person said of files that are not UTF-8; a file that has a mark, or is UTF-8 by its bytes,
        is read as what it is.
      guess: looks at all bytes, and takes for Windows-1252 what can be nothing else that is common.

    Raises:
      DataError: the file cannot be read, is not as given, or cannot be guessed; says what to give.
    """
    try:
        with _opened(path) as file:
            start = file.read(1000)
            if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
                raise DataError(f"{path}: UTF-32; {_rewrite('UTF-32', path)}")
            marked = next((found for mark, found in _MARKS if start.startswith(mark)), None)
            if marked is not None:
                return Encoded(marked, _of_mark(path, marked, given))
            if b"\0" in start:
                raise DataError(
                    f"{path}: not text in UTF-8, perhaps UTF-16 without a mark; {_rewrite('UTF-16LE', path)}"
                )
            if given is None and not guess:
                return Encoded("utf-8")  # DuckDB names the line that is not
            line, ascii_alone = _first_odd(file, start)
        if line is None:
            differs = given not in (None, "utf-8") and not ascii_alone
            return Encoded("utf-8", f"{path}: is UTF-8, so it is read as such." if differs else "")
        if given in ("utf-8", "utf-16"):
            raise DataError(f"{path}: line {line:,}: not {given.upper()}; {_advice(path)}")
        return _of_one_byte(path, given)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def _opened(path: Path) -> IO[bytes]:
    if path.name.lower().endswith(".gz"):
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def _of_mark(path: Path, marked: Encoding, given: Encoding | None) -> str:
    if marked == "utf-8" and given in (None, "utf-8"):
        return ""
    return "" if marked == given else f"{path}: is {marked.upper()} by its mark, so it is read as such."


def _first_odd(file: IO[bytes], start: bytes) -> tuple[int | None, bool]:
    """Number of the first line that is not UTF-8, None where all are; and whether all is ASCII."""
    decoder, lines, block, ascii_alone = codecs.getincrementaldecoder("utf-8")(), 1, start, True
    while True:
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            # Bytes of a character that the block before began stand in front; none of them ends a line.
            return lines + error.object[: error.start].count(b"\n"), False
        if not block:
            return None, ascii_alone
        lines, ascii_alone = lines + block.count(b"\n"), ascii_alone and block.isascii()
        block = file.read(_BLOCK)


def _of_one_byte(path: Path, given: Encoding | None) -> Encoded:
    """The encoding of a file that is not UTF-8, as given, or Windows-1252 where its characters are likely."""
    if given == "latin-1":
        return Encoded(given)
    words: dict[str, None] = {}
    with _opened(path) as file:
        for number, line in enumerate(file, start=1):
            if line.isascii():
                continue
            where = f"{path}: line {number:,}: not UTF-8"
            unused = _UNUSED & set(line)
            if unused:
                raise DataError(
                    f"{where}, nor Windows-1252 (byte {min(unused):#04x}); {_rewrite('MACINTOSH', path)}"
                )
            if given is None:
                read = line.decode("windows-1252")
                odd = sorted({each for each in read if not each.isascii()} - _WESTERN)
                if odd:
                    raise DataError(
                        f"{where}; read as Windows-1252, it holds {' '.join(odd)}; {_advice(path)}"
                    )
                words |= dict.fromkeys(_WORD.findall(read)) if len(words) < _WORDS else {}
    if given is not None:
        return Encoded(given)
    shown = ", ".join(list(words)[:_WORDS])
    return Encoded(
        "windows-1252",
        f"{path}: not UTF-8; read as Windows-1252, with words such as {shown}. If they are wrong, give "
        "another `encoding`.",
    )


_WORDS = 4  # that are shown


def _advice(path: Path) -> str:
    return (
        "if that is right, give `encoding` windows-1252 (`ingest.format.encoding` of a use case); if not, "
        f"{_rewrite('WINDOWS-1250', path)}"
    )


def _rewrite(encoding: str, path: Path) -> str:
    return (
        f"write it as UTF-8, if it is {encoding} by iconv -f {encoding} -t UTF-8 {path.name} > utf8.csv, if "
        "it is a workbook by saving it as CSV UTF-8"
    )
