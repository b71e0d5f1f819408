"""What a version was when it was published: a digest of each of its files.

    manifest.json    {"model": ..., "model_files": {"saved_model.pb": ...}, "files": {"metrics.json": ...}}

`model` is the digest of the model as a whole. Where a refit took the place of the model that was judged, that
one has the like, `judged_model` and `judged_model_files`. Manifests of earlier releases have no digests of a
model's files; then a changed model is found all the same, and only its file is not named.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsletter_bandit import records
from newsletter_bandit.errors import DataError
from newsletter_bandit.files import files_of
from newsletter_bandit.records import Fields
from newsletter_bandit.registry.versions import digest_of, file_digests

FILE = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """Digests of a version: SHA-256, hexadecimal.

    Attributes:
      model: of the model as a whole, `model_digest`.
      files: of each file beside the model, by name.
      model_files: of each file of the model, by relative path; None where an earlier release published it.
      judged_model: of the model that was judged, where the version's model is a refit; None otherwise.
      judged_model_files: likewise of its files.
    """

    model: str
    files: Mapping[str, str]
    model_files: Mapping[str, str] | None = None
    judged_model: str | None = None
    judged_model_files: Mapping[str, str] | None = None

    @classmethod
    def of(cls, model_dir: str, contents: Mapping[str, bytes], judged_dir: str | None = None) -> Manifest:
        """The manifest of a model's folder, the files to put beside it, and the folder of the model that was
        judged, if that is another.
        """
        model_files = file_digests(model_dir)
        files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        if judged_dir is None:
            return cls(digest_of(model_files), files, model_files)
        judged_files = file_digests(judged_dir)
        return cls(digest_of(model_files), files, model_files, digest_of(judged_files), judged_files)

    @classmethod
    def read(cls, folder: str) -> Manifest:
        """The manifest in a version's folder.

        Raises:
          DataError: it is damaged.
        """
        fields = records.read(os.path.join(folder, FILE))
        return cls(
            fields.text("model"),
            _texts(fields.object("files")),
            _texts(fields.object("model_files")) if "model_files" in fields else None,
            fields.text("judged_model") if "judged_model" in fields else None,
            _texts(fields.object("judged_model_files")) if "judged_model_files" in fields else None,
        )

    @property
    def content(self) -> dict[str, Any]:
        """What the file holds."""
        content: dict[str, Any] = {"model": self.model, "model_files": self.model_files, "files": self.files}
        if self.judged_model is not None:
            content |= {"judged_model": self.judged_model, "judged_model_files": self.judged_model_files}
        return content

    def same(self, other: Manifest) -> bool:
        """The two are of the same models and files."""
        own, others = ((each.model, each.files, each.judged_model) for each in (self, other))
        return own == others

    def is_of(self, model_dir: str) -> bool:
        """The folder holds the model that was published."""
        return digest_of(file_digests(model_dir)) == self.model

    def require_model(self, folder: str) -> None:
        """Compares a model's folder with what was published.

        Raises:
          DataError: a file of it is missing, changed or added; names it.
        """
        _require_model(folder, self.model, self.model_files)

    def require_judged_model(self, folder: str) -> None:
        """Likewise for the model that was judged, if it is another."""
        if self.judged_model is not None:
            _require_model(folder, self.judged_model, self.judged_model_files)

    def require_files(self, folder: str) -> None:
        """Compares the files beside a version's model with what was published; raises as `require_model`."""
        files = files_of(folder)
        found = {}
        for name in self.files:
            path = os.path.join(folder, name)
            if files.exists(path):
                with files.read(path) as file:
                    found[name] = hashlib.sha256(file.read()).hexdigest()
        _require(folder, found, self.files)


_TODO = (
    "bring the version's folder back from a copy, or put another version into production with "
    "`newsletter-bandit models rollback --previous`"
)


def _require_model(folder: str, digest: str, published: Mapping[str, str] | None) -> None:
    found = file_digests(folder)
    if digest_of(found) == digest:
        return
    _require(folder, found, published or {})
    raise DataError(f"{folder}: is not the model that was published; {_TODO}")


def _require(folder: str, found: Mapping[str, str], published: Mapping[str, str]) -> None:
    for name in sorted({*found, *published} if published else {}):
        if found.get(name) == published.get(name):
            continue
        what = "missing" if name not in found else "changed" if name in published else "added"
        raise DataError(f"{os.path.join(folder, name)}: {what} since the version was published; {_TODO}")


def _texts(fields: Fields) -> dict[str, str]:
    return {name: fields.text(name) for name in fields.content}
