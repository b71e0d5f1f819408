"""Versions of one use case below a folder or in a bucket, and the pointer to the one in production.

    <root>/<use_case>/CURRENT                          {"version": ...}; see `pointer`
    <root>/<use_case>/looks.json                       the candidates that were judged; see `looks`
    <root>/<use_case>/<version>/model/Format-Serving/  the SavedModel, where TFX looks for it
    <root>/<use_case>/<version>/judged_model/Format-Serving/  the one that was judged, if that is another
    <root>/<use_case>/<version>/*.json                 evidence: metrics, verdict, decision, use case, ...
    <root>/<use_case>/<version>/model_card.md          the evidence as a text for people
    <root>/<use_case>/<version>/manifest.json          SHA-256 of all that; written last; see `manifest`
    <root>/<use_case>/<version>/placement.json         what kept it out of production, if something did
    <root>/<use_case>/<version>/sign_offs.json         who approved or rejected it, if somebody did
    <root>/<use_case>/<version>/report.html            the evidence as a page for people

A folder without a manifest is not a version. A published version never changes; only the pointer moves. A
disk or a hand may change a file all the same, so whoever uses a model asks `require_intact` first.
"""

from __future__ import annotations

import datetime as dt
import io
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from newsletter_bandit import records
from newsletter_bandit.errors import DataError
from newsletter_bandit.files import copy_tree, files_of
from newsletter_bandit.registry.afterwards import Afterwards
from newsletter_bandit.registry.evidence import Decision, Explanation, Metrics, Placement, SignOffs, Verdict
from newsletter_bandit.registry.evidence.record import Record
from newsletter_bandit.registry.looks import Look, Looks, settings_digest, window_of
from newsletter_bandit.registry.manifest import FILE as MANIFEST
from newsletter_bandit.registry.manifest import Manifest
from newsletter_bandit.registry.pointer import Pointer, PointerFile
from newsletter_bandit.registry.versions import VersionInfo, created_at, digest_in, is_version, new_version

MODEL = "model"
JUDGED_MODEL = "judged_model"
REPORT = "report.html"
CARD = "model_card.md"
USE_CASE = "use_case.json"
SERVING = "Format-Serving"
SAVED_MODEL = "saved_model.pb"

_Record = TypeVar("_Record", bound=Record)
_FIRST = "`newsletter-bandit train` publishes a first one if the gate says so"


class Registry:
    """The published models of one use case.

    Args:
      root: folder, or ``gs://`` path, of the registry.
      use_case_name: the use case whose models it holds.

    Attributes:
      looks: the candidates that were judged, published or not.
    """

    def __init__(self, root: str, use_case_name: str) -> None:
        self._name = use_case_name
        self._folder = os.path.join(root, use_case_name)
        self._files = files_of(root)
        self._pointer = PointerFile(self._folder, self._available)
        self._afterwards = Afterwards(self._folder)
        self.looks = Looks(self._folder)

    def names(self) -> list[str]:
        """Names of all versions, oldest first; no evidence is read."""
        return self._names()

    def versions(self) -> list[VersionInfo]:
        """All versions, oldest first.

        Raises:
          DataError: a version's evidence or the pointer is damaged.
        """
        pointer = self._pointer.read()
        return [self._info(name, pointer) for name in self._names()]

    def info(self, version: str) -> VersionInfo:
        """One version.

        Raises:
          DataError: there is no such version, its evidence is damaged, or the pointer is.
        """
        self._require(version)
        return self._info(version, self._pointer.read())

    def use_case(self, version: str) -> str:
        """The settings that a version was trained with, as JSON.

        Raises:
          DataError: there is no such version, or it was published without them.
        """
        self._require(version)
        return records.to_json(records.read(os.path.join(self._folder, version, USE_CASE)).content)

    def kept(self, version: str, kind: type[_Record]) -> _Record | None:
        """A record beside a version's model, such as `Statistics`; None if it was published without one.

        Raises:
          DataError: there is no such version, or the record is damaged.
        """
        self._require(version)
        folder = os.path.join(self._folder, version)
        return kind.read(folder) if self._files.exists(os.path.join(folder, kind.FILE)) else None

    def card(self, version: str) -> str | None:
        """The model card that was published with a version; None if an earlier newsletter-bandit did that.

        Raises:
          DataError: there is no such version.
        """
        found = self._beside(version, CARD)
        return None if found is None else found.decode()

    def pointer(self) -> Pointer | None:
        """The pointer, whose version may be missing; None if nothing is in production yet.

        Raises:
          DataError: the pointer is damaged.
        """
        return self._pointer.read()

    def current(self) -> str | None:
        """The version in production; None if there is none yet.

        Raises:
          DataError: the pointer is damaged, or its version is missing.
        """
        pointer = self._pointer.read()
        version = None if pointer is None else pointer.version
        if version is not None and not self._is_complete(version):
            raise DataError(
                f"{self._pointer.path}: points at {version}, which is missing; {self._available()}. "
                "Roll back to one of them."
            )
        return version

    def require_current(self) -> str:
        """The version in production.

        Raises:
          DataError: nothing is in production, the pointer is damaged, or its version is missing.
        """
        version = self.current()
        if version is None:
            waiting = [info.version for info in self.waiting()]
            todo = f". {waiting[-1]} waits for sign-off: {approving(waiting[-1])}" if waiting else ""
            raise DataError(
                f"{self._pointer.path}: no such file, nothing is in production; {self._available()}{todo}"
            )
        return version

    def waiting(self) -> list[VersionInfo]:
        """The versions that wait for their sign-off, oldest first; raises as `versions` does."""
        pointer = self._pointer.read()
        # What was compared with the one in production is newer than that.
        names = [name for name in self._names() if pointer is None or name > pointer.version]
        waiting = [
            name
            for name in names
            if (found := self._afterwards.placement(name)) is not None and found.outcome == "waiting"
        ]
        infos = [self._info(name, pointer) for name in waiting]
        return [info for info in infos if info.standing == "waiting"]

    def judged_before(self, window: tuple[dt.date, dt.date], settings: str, rows: str) -> Look | None:
        """The look that a training would only repeat; see `Looks.settled`.

        Args:
          window: first day and day after the last.
          settings: the use case's JSON, the tuned hyperparameters merged in.
          rows: fingerprint of the window's rows.

        Raises:
          DataError: the looks or the pointer are damaged, or the pointer's version is missing.
        """
        return self.looks.settled(window_of(window), settings_digest(settings), rows, self.current())

    def model_uri(self, version: str) -> str:
        """Folder that holds the version's `Format-Serving`."""
        return os.path.join(self._folder, version, MODEL)

    def judged_model_uri(self, version: str) -> str | None:
        """Folder that holds the `Format-Serving` of the model that was judged, where a refit took its place;
        None where the version's model itself was judged.

        Raises:
          DataError: there is no such version.
        """
        self._require(version)
        judged = self._manifest(version).judged_model
        return None if judged is None else os.path.join(self._folder, version, JUDGED_MODEL)

    def current_model_uri(self) -> str:
        """`model_uri` of the version in production; raises as `require_current` does."""
        return self.model_uri(self.require_current())

    def require_intact(self, version: str, model: str | None = None) -> None:
        """Compares the files of a version with its manifest; a model is small, so that takes milliseconds.

        Args:
          version: a published version.
          model: folder of a copy of its `model_uri`, which is compared in the place of that.

        Raises:
          DataError: there is no such version, or one of its files is missing, changed or added; names it.
            If the version's own model is not what was published, that is named rather than the copy.
        """
        self._require(version)
        manifest, folder = self._manifest(version), os.path.join(self._folder, version)
        if not manifest.model.startswith(digest_in(version)):
            raise DataError(
                f"{os.path.join(folder, MANIFEST)}: is of another version; bring the folder back from a copy"
            )
        if model is None or not manifest.is_of(os.path.join(model, SERVING)):
            manifest.require_model(os.path.join(self.model_uri(version), SERVING))
            if model is not None:
                manifest.require_model(os.path.join(model, SERVING))
        manifest.require_judged_model(os.path.join(folder, JUDGED_MODEL, SERVING))
        manifest.require_files(folder)

    def looked_back(self, version: str, age: dt.timedelta, now: dt.datetime) -> str | None:
        """The version that was in production ``age`` before ``now``: the newest that is at least that old.

        While none is that old, the oldest one stands in. A version that was kept out of production does not
        count; one that was rolled back does.

        Args:
          version: the version in production; newer ones do not count.
          age: how far to look back.
          now: an aware time.

        Returns:
          The earlier version; None if that is ``version`` itself.
        """
        names = [name for name in self._names() if name <= version]
        old = [name for name in names if created_at(name) <= now - age]
        # From the newest of the old ones back, then from the oldest of the young ones on.
        for name in (*reversed(old), *names[len(old) :]):
            if name == version:
                return None
            if self._afterwards.was_placed(name):
                return name
        return None

    def find(self, digest: str) -> str | None:
        """The newest version whose model has the `model_digest` ``digest``."""
        for name in reversed(self._names()):
            # The name holds the digest's beginning, so other manifests need not be read.
            if digest_in(name) == digest[:8] and self._manifest(name).model == digest:
                return name
        return None

    def next_version(self, created: dt.datetime, digest: str) -> str:
        """A name that sorts after every version that is there, which is what "newest" rests on.

        Two models may be made within one second, and clocks of two machines differ.

        Args:
          created: when the model was pushed, an aware time; if that is not later than the newest version, the
            second after that counts.
          digest: `model_digest` of the model.
        """
        names = self._names()
        if names:
            created = max(created, created_at(names[-1]) + dt.timedelta(seconds=1))
        return new_version(created, digest)

    def publish(
        self,
        version: str,
        model_dir: str,
        files: Mapping[str, Mapping[str, Any] | str],
        placement: Placement | None = None,
        judged_dir: str | None = None,
    ) -> None:
        """Adds a version; it appears whole or not at all, and is not in production yet.

        Publishing the same again does nothing. What a killed run left behind is cleared away.

        Args:
          version: name made by `new_version`.
          model_dir: folder of a SavedModel, copied to `Format-Serving`.
          files: evidence; file name to content, an object of JSON values or a text.
          placement: what keeps it out of production from the start on; None for nothing.
          judged_dir: folder of the SavedModel that was judged, if ``model_dir`` is a refit in its place.

        Raises:
          DataError: ``version`` is not a version's name, ``model_dir`` holds no SavedModel, or the version
            exists with another content.
        """
        created_at(version)
        if not files_of(model_dir).exists(os.path.join(model_dir, SAVED_MODEL)):
            raise DataError(f"{model_dir}: no {SAVED_MODEL} in it; allowed: the folder of a SavedModel")
        contents = {name: _encoded(content) for name, content in files.items()}
        manifest = Manifest.of(model_dir, contents, judged_dir)
        target = os.path.join(self._folder, version)
        with self._files.locked(self._folder):
            if self._is_complete(version):
                if not self._manifest(version).same(manifest):
                    raise DataError(
                        f"{target}: exists with another content; a published version never changes"
                    )
                return
            with self._files.staged(target) as staging:
                copy_tree(model_dir, os.path.join(staging, MODEL, SERVING))
                if judged_dir is not None:
                    copy_tree(judged_dir, os.path.join(staging, JUDGED_MODEL, SERVING))
                for name, content in contents.items():
                    self._files.write(os.path.join(staging, name), io.BytesIO(content))
                if placement is not None:
                    content = _encoded(placement.content())
                    self._files.write(os.path.join(staging, Placement.FILE), io.BytesIO(content))
                self._files.write(os.path.join(staging, MANIFEST), io.BytesIO(_encoded(manifest.content)))

    def place(self, version: str, compared_with: str | None, waits: bool = False) -> Placement:
        """Puts a published version into production if what it was compared with still is, and is not pinned.

        The look and the move are one step, so of several that were compared with the same version only one
        gets there. What stood in the way is kept beside the version.

        Args:
          version: a published version.
          compared_with: the version that was in production when ``version`` was judged; None if nothing was.
          waits: it is kept out all the same, until it is signed off.

        Raises:
          DataError: there is no such version, or the pointer is damaged.
        """
        self._require(version)
        placement = self._pointer.place(version, compared_with, waits)
        self._afterwards.place(version, placement)
        return placement

    def sign(self, version: str, change: Callable[[SignOffs], SignOffs]) -> None:
        """Replaces people's answers on a version; see `Afterwards.sign`, and `signing_off` for who calls it.

        Raises:
          DataError: there is no such version, or its answers are damaged.
        """
        self._require(version)
        self._afterwards.sign(version, change)

    def add_report(self, version: str, page: str) -> None:
        """Puts a page beside a version's evidence, in the place of an earlier one.

        It is not in the manifest: it says nothing that the evidence does not.

        Args:
          version: a published version.
          page: HTML.

        Raises:
          DataError: there is no such version.
        """
        self._require(version)
        self._afterwards.write(version, REPORT, page)

    def set_current(self, version: str, pinned: bool = False, seen: str | None = None) -> None:
        """Puts a published version into production, whatever is there.

        Args:
          version: a published version.
          pinned: whether trainings may not replace it until `unpin`.
          seen: version that must be in production at that moment; None does not look.

        Raises:
          DataError: there is no such version, which names the existing ones; its model is not what was
            published; or another version than ``seen`` is in production.
        """
        self._require(version)
        self._manifest(version).require_model(os.path.join(self.model_uri(version), SERVING))
        self._pointer.set(Pointer(version, pinned), seen)

    def named(self, beginning: str) -> str:
        """The version with this name, or the only one whose name begins so.

        Raises:
          DataError: none does, or several do; names them.
        """
        found = [name for name in self._names() if name.startswith(beginning)] if beginning else []
        if len(found) == 1 or beginning in found:
            return beginning if beginning in found else found[0]
        if found:
            raise DataError(
                f"{self._folder}: {beginning} begins {len(found)} versions: {', '.join(found)}; give more "
                "characters of the one that is meant"
            )
        raise DataError(f"{self._folder}: no version {beginning}; {self._available()}")

    def rollback(self, version: str | None = None, seen: str | None = None) -> str:
        """Puts an earlier version back into production, pins it, and returns its name.

        Args:
          version: None means the newest that is older than the one in production and was neither kept out of
            it nor rejected.
          seen: as in `set_current`.

        Raises:
          DataError: as in `set_current`; or ``version`` waits for its sign-off, or was rejected.
        """
        if version is None:
            pointer = self._pointer.read()
            current = None if pointer is None else pointer.version
            older = [name for name in self._names() if current is not None and name < current]
            older = [name for name in older if self._afterwards.was_placed(name)]
            older = [name for name in older if self._afterwards.sign_offs(name).rejection is None]
            if not older:
                raise DataError(f"{self._folder}: no version before {current}; {self._available()}")
            version = older[-1]
        self._require(version)
        self._require_signed_off(version)
        self.set_current(version, pinned=True, seen=seen)
        return version

    def pin(self, seen: str | None = None) -> str:
        """Keeps trainings from replacing the version in production, and returns its name.

        Args:
          seen: as in `set_current`.

        Raises:
          DataError: nothing is in production, another version than ``seen`` is, or the pointer is damaged.
        """
        return self._pointer.pin(True, seen).version

    def unpin(self, seen: str | None = None) -> str:
        """Lets trainings replace the version in production again, and returns its name; as `pin`."""
        return self._pointer.pin(False, seen).version

    def report(self, version: str) -> bytes | None:
        """The page beside a version's evidence; None if an earlier version of newsletter-bandit published it.

        Raises:
          DataError: there is no such version.
        """
        return self._beside(version, REPORT)

    def _beside(self, version: str, name: str) -> bytes | None:
        """A file of a version; None if it has none of that name."""
        self._require(version)
        path = os.path.join(self._folder, version, name)
        if not self._files.exists(path):
            return None
        with self._files.read(path) as file:
            return file.read()

    def explanation(self, version: str) -> Explanation | None:
        """Why a version chooses as it does; None if it was published without that.

        Raises:
          DataError: there is no such version, or the file is damaged.
        """
        self._require(version)
        return Explanation.if_there(os.path.join(self._folder, version))

    def _require(self, version: str) -> None:
        created_at(version)
        if not self._is_complete(version):
            raise DataError(f"{self._folder}: no version {version}; {self._available()}")

    def _require_signed_off(self, version: str) -> None:
        answers, placement = self._afterwards.sign_offs(version), self._afterwards.placement(version)
        rejection = answers.rejection
        if rejection is not None:
            raise DataError(
                f"{version}: was {rejection.words} ({rejection.note}); {approving(version)} puts it into "
                "production; add --override if it shall be there all the same"
            )
        if placement is None or placement.placed or answers.last is not None:
            return
        if placement.outcome == "waiting" or self._waits(version):
            raise DataError(
                f"{version}: waits for its sign-off, and was never in production; {approving(version)} puts "
                "it there"
            )

    def _waits(self, version: str) -> bool:
        """The settings that the version was trained with ask for a sign-off."""
        path = os.path.join(self._folder, version, USE_CASE)
        if not self._files.exists(path):
            return False
        return bool(records.read(path).content.get("publication", {}).get("wait_for_sign_off"))

    def _names(self) -> list[str]:
        names = [name for name in self._files.names(self._folder) if is_version(name)]
        return [name for name in names if self._is_complete(name)]

    def _is_complete(self, version: str) -> bool:
        return self._files.exists(os.path.join(self._folder, version, MANIFEST))

    def _available(self) -> str:
        names = self._names()
        return f"available: {', '.join(names)}" if names else f"available: none; {_FIRST}"

    def _manifest(self, version: str) -> Manifest:
        return Manifest.read(os.path.join(self._folder, version))

    def _info(self, version: str, pointer: Pointer | None) -> VersionInfo:
        folder = os.path.join(self._folder, version)
        is_current = pointer is not None and pointer.version == version

        return VersionInfo(
            version=version,
            created=created_at(version),
            is_current=is_current,
            verdict=Verdict.if_there(folder),
            decision=Decision.if_there(folder),
            metrics=Metrics.if_there(folder),
            is_pinned=is_current and pointer is not None and pointer.pinned,
            placement=self._afterwards.placement(version),
            sign_offs=self._afterwards.sign_offs(version),
            production=None if pointer is None else pointer.version,
        )


def approving(version: str) -> str:
    """The command that approves a version, as messages name it."""
    return f"`newsletter-bandit models approve {version} --note TEXT`"


def _encoded(content: Mapping[str, Any] | str) -> bytes:
    return (content if isinstance(content, str) else records.to_json(content)).encode()
