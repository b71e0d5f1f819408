"""Adds, retires and renames recommenders in the text of a use case's file, and keeps its comments and order.

Each change is made twice: in the text, and in what YAML reads from it. The two must agree afterwards, and the
result must be a use case; else nothing is written, and the message says what to write by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.files import write_text
from newsletter_bandit.settings.mapping import SPLIT_TABLES
from newsletter_bandit.settings.reading import parse_use_case
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.yaml_edit import Document, UnclearError
from newsletter_bandit.settings.yaml_text import flow

_ARMS, _DEFAULTS, _RETIRED, _RENAMED = "recommenders", "default_ranking", "retired", "renamed"
_FEATURES = "recommender_features"
_VALUE_NAMES = ("ingest", "value_names", "recommender")


@dataclass(frozen=True)
class Change:
    """A changed file that is not written yet.

    Attributes:
      path: of the file.
      before: its text.
      after: its text with the change.
      use_case: what the changed file says.
      steps: each step of the change in words.
    """

    path: Path
    before: str
    after: str
    use_case: UseCase
    steps: tuple[str, ...]

    def write(self) -> None:
        """Replaces the file, whole or not at all; behind a link, the file that it leads to.

        Raises:
          SettingsError: somebody else changed it since it was read, or it cannot be written.
        """
        if _read(self.path) != self.before:
            raise SettingsError(
                f"{self.path}: somebody else changed it meanwhile; nothing was written; use the command again"
            )
        try:
            write_text(self.path.resolve(), self.after)
        except OSError as error:
            raise SettingsError(
                f"{self.path}: cannot be written: {error.strerror}; nothing was written"
            ) from error


def added(path: Path, name: str, features: Mapping[str, Any] | None = None) -> Change:
    """The file with one more recommender, or with a retired one offered again.

    Args:
      path: file of a use case.
      name: the recommender's name.
      features: what `recommender_features` says of it; needed where the file says it of the others.

    Raises:
      SettingsError: it is there already, or the file would not be a use case.
    """
    edit = _Edit(path)
    known, given = edit.use_case, dict(features or {})
    if name in known.offered:
        raise SettingsError(f"{path}: recommenders: {name} is there already; nothing was written")
    if name in known.retired:
        if given:
            raise SettingsError(f"{name} is retired, and {path} has its features; use none")
        edit.remove(_RETIRED, name)
        return edit.done()
    if name in known.renamed:
        raise SettingsError(
            f"{path}: renamed: {name} is an old name of {known.renamed[name]}; use another name, so that the "
            "log keeps its meaning"
        )
    _check_features(edit, name, given)
    edit.append(_ARMS, name)
    if given:
        edit.put((_FEATURES,), name, given)
    return edit.done()


def retired(path: Path, name: str) -> Change:
    """The file with a recommender that is never ranked any more; it leaves the default ranking.

    Raises:
      SettingsError: it is none, is retired already, or too few would be left.
    """
    edit = _Edit(path)
    known = edit.use_case
    _require_known(edit, name)
    if name in known.retired:
        raise SettingsError(f"{path}: {name} is retired already; nothing was written")
    if known.default_ranking == (name,):
        raise SettingsError(
            f"{path}: default_ranking: holds {name} alone; name another recommender there first"
        )
    if name in known.default_ranking:
        edit.remove(_DEFAULTS, name)
    edit.append(_RETIRED, name, after=_DEFAULTS)
    return edit.done()


def renamed(path: Path, old: str, new: str) -> Change:
    """The file with another name for a recommender, which remembers the old one.

    Raises:
      SettingsError: there is none of the old name, or the new one is taken.
    """
    edit = _Edit(path)
    _require_known(edit, old)
    if new in edit.use_case.recommenders:
        raise SettingsError(f"{path}: recommenders: {new} is there already; use a name that is free")
    data = edit.data
    for key in (_ARMS, _DEFAULTS, _RETIRED):
        if old in data.get(key, ()):
            edit.replace(key, old, new)
    if old in data.get(_FEATURES, {}):
        edit.rename_key((_FEATURES,), old, new)
    names = data.get("ingest", {}).get("value_names", {}).get("recommender", {})
    for value in [value for value, name in names.items() if name == old]:
        edit.set_text((*_VALUE_NAMES, value), new)
    for place in _splits(data):
        split = edit.at(place)
        if old in split and new not in split:
            edit.rename_key(place, old, new)
    earlier = data.get(_RENAMED, {})
    for name in [name for name, today in earlier.items() if today == old and name != new]:
        edit.set_text((_RENAMED, name), new)
    if new in earlier:  # it gets back a name that it had
        edit.drop(_RENAMED, new)
    if _RENAMED not in data:
        edit.put((), _RENAMED, {old: new}, after=_RETIRED if _RETIRED in data else _DEFAULTS)
    else:
        edit.put((_RENAMED,), old, new)
    return edit.done()


class _Edit:
    """A file's text and what it says, changed alike."""

    def __init__(self, path: Path) -> None:
        self._path, self._before = path, _read(path)
        self.use_case = parse_use_case(self._before, path)
        self.data: dict[str, Any] = yaml.safe_load(self._before)
        self._document = Document(self._before)
        self._steps: list[str] = []
        self._unclear = False

    def append(self, key: str, item: str, after: str = "") -> None:
        """Adds to a list; makes it where there is none, or one without an item."""
        if key not in self.data:
            self.put((), key, [item], after)
            return
        self.data[key].append(item)
        self._step(f"add {flow(item)} to {key}", lambda: self._document.append((key,), item))

    def remove(self, key: str, item: str) -> None:
        """Takes an item from a list, and the list if nothing is left."""
        self.data[key].remove(item)
        if self.data[key]:
            self._step(f"take {flow(item)} from {key}", lambda: self._document.remove((key,), item))
        else:
            del self.data[key]
            self._step(f"take away {key}", lambda: self._document.drop((), key))

    def replace(self, key: str, item: str, new: str) -> None:
        """Another text in the place of a list's item."""
        self.data[key] = [new if each == item else each for each in self.data[key]]
        words = f"write {flow(new)} for {flow(item)} in {key}"
        self._step(words, lambda: self._document.replace((key,), item, new))

    def put(self, path: tuple[str, ...], key: str, value: Any, after: str | None = None) -> None:
        """Adds an entry to a mapping."""
        self.at(path)[key] = value
        words = f"add {flow(key)}: {flow(value)}" + (f" to {'.'.join(path)}" if path else "")
        self._step(words, lambda: self._document.put(path, key, flow(value), after))

    def drop(self, path: str, key: str) -> None:
        """Takes an entry from a mapping, and the mapping if nothing is left."""
        del self.data[path][key]
        if self.data[path]:
            self._step(f"take {flow(key)} from {path}", lambda: self._document.drop((path,), key))
        else:
            del self.data[path]
            self._step(f"take away {path}", lambda: self._document.drop((), path))

    def rename_key(self, path: tuple[str, ...], key: str, new: str) -> None:
        """Another key for an entry of a mapping."""
        entries = {new if each == key else each: own for each, own in self.at(path).items()}
        self.at(path[:-1])[path[-1]] = entries
        words = f"write {flow(new)} for {flow(key)} in {'.'.join(path)}"
        self._step(words, lambda: self._document.rename_key(path, key, new))

    def set_text(self, path: tuple[str, ...], new: str) -> None:
        """Another text at a path."""
        self.at(path[:-1])[path[-1]] = new
        self._step(f"write {'.'.join(path)}: {flow(new)}", lambda: self._document.set_text(path, new))

    def done(self) -> Change:
        """The change; raises `SettingsError` if the result is no use case, or not what was meant."""
        text = self._document.text
        if self._unclear or not self._as_meant(text):
            raise SettingsError(
                f"{self._path}: its layout cannot be changed without touching more than it should; nothing "
                f"was written; by hand: {'; '.join(self._steps)}"
            )
        return Change(self._path, self._before, text, parse_use_case(text, self._path), tuple(self._steps))

    def _as_meant(self, text: str) -> bool:
        try:
            return bool(yaml.safe_load(text) == self.data)
        except yaml.YAMLError:
            return False

    def at(self, path: tuple[str, ...]) -> dict[str, Any]:
        """The mapping at a path, as it is now."""
        found = self.data
        for key in path:
            found = found[key]
        return found

    def _step(self, words: str, change: Any) -> None:
        self._steps.append(words)
        try:
            change()
        except UnclearError:
            self._unclear = True


def _splits(data: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Where the file names the share of each recommender."""
    found: list[tuple[str, ...]] = []
    for table in SPLIT_TABLES:
        source = (data.get("ingest") or {}).get(table, {}).get("propensity", {})
        place = ("ingest", table, "propensity")
        found += [(*place, "split")] if "split" in source else []
        found += [(*place, "splits", value) for value in source.get("splits", {})]
    return found


def _require_known(edit: _Edit, name: str) -> None:
    if name not in edit.use_case.recommenders:
        old = edit.use_case.renamed.get(name)
        why = f", an old name of {old}" if old else ""
        raise SettingsError(
            f"{edit.use_case.name}: found {name!r}{why}; allowed: {', '.join(edit.use_case.recommenders)}"
        )


def _check_features(edit: _Edit, name: str, given: Mapping[str, Any]) -> None:
    others = edit.use_case.recommender_features
    if given and not others:
        raise SettingsError(f"recommender_features: {edit.use_case.name} has none of the others; use none")
    first = next(iter(others), None)
    if first is not None and set(given) != set(others[first]):
        shown = ", ".join(f"{key}={value}" for key, value in others[first].items())
        raise SettingsError(
            f"recommender_features.{name}: found {', '.join(sorted(given)) or 'none'}; allowed: "
            f"{', '.join(others[first])}, each as `feature`, as the others have them; {first} has {shown}"
        )


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 at byte {error.start}") from error
