"""Single objects of Cloud Storage: read as they are now, and replaced only if nobody else has meanwhile.

TFX's file layer knows no precondition, and it remembers an object's size for some seconds. So the few files
that several writers change, such as the registry's pointer, go through Google's own client.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.google import credentials, explained

SCHEME = "gs://"
# Whoever loses a race reads again; so many losses in a row are no race.
ATTEMPTS = 10

Change = Callable[[bytes | None], bytes | None]


def read(path: str) -> bytes | None:
    """Content of an object as it is now; None if there is none.

    Args:
      path: `gs://BUCKET/NAME`.

    Raises:
      SettingsError: the bucket cannot be reached or read.
    """
    return _found(path)[0]


def change(path: str, new: Change) -> None:
    """Replaces an object by what ``new`` makes of its content, in one step with the look at that content.

    Args:
      path: `gs://BUCKET/NAME`.
      new: from the content, None where there is no object, to the new content; None leaves the object. It is
        asked again if another writer was there in between.

    Raises:
      SettingsError: the bucket cannot be reached or written, or other writers were always there first.
    """
    from google.api_core.exceptions import PreconditionFailed

    for _ in range(ATTEMPTS):
        content, generation = _found(path)
        changed = new(content)
        if changed is None or changed == content:
            return
        with explained(path):
            try:
                _blob(path).upload_from_string(
                    changed, content_type="application/json", if_generation_match=generation
                )
            except PreconditionFailed:
                continue
            return
    raise SettingsError(f"{path}: other writers replaced it {ATTEMPTS} times in a row; try again")


def _found(path: str) -> tuple[bytes | None, int]:
    """Content and generation; None and 0, which a precondition takes for no object, where there is none."""
    from google.api_core.exceptions import NotFound, PreconditionFailed

    for _ in range(ATTEMPTS):
        blob = _blob(path)
        with explained(path):
            try:
                blob.reload()
            except NotFound:
                return None, 0
            generation = int(blob.generation)
            try:
                return bytes(blob.download_as_bytes(if_generation_match=generation)), generation
            except (NotFound, PreconditionFailed):
                continue  # replaced since the look at its generation
    raise SettingsError(f"{path}: other writers replaced it {ATTEMPTS} times while it was read; try again")


def _blob(path: str) -> Any:
    from google.cloud import storage

    bucket, _, name = path.removeprefix(SCHEME).partition("/")
    return storage.Client(project=None, credentials=credentials()).bucket(bucket).blob(name)
