"""ExampleGen's product: files of examples, and their size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WrittenExamples:
    """Size of all files together, in bytes."""

    size: int

    @classmethod
    def of(cls, outputs: Mapping[str, str]) -> WrittenExamples:
        """The size of the files in the step's output folders."""
        files = [path for path in Path(outputs["examples"]).rglob("*.gz") if path.is_file()]
        return cls(sum(path.stat().st_size for path in files))

    @property
    def phrase(self) -> str:
        """Such as "1.2 MB of examples"."""
        return f"{self.size / 1e6:.1f} MB of examples"

    @property
    def figures(self) -> dict[str, int]:
        """Bytes."""
        return {"bytes_written": self.size}
