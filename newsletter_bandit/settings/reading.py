"""Reads settings files; a fault is named by file, key, what was found and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.agents import Agent, Exploration, PropensityWeighting
from newsletter_bandit.settings.base import Settings
from newsletter_bandit.settings.environment import Environment
from newsletter_bandit.settings.faults import refusal
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.world import BuiltInWorld, DeclaredWorld, WorldSettings


class AgentFile(Settings):
    """An agent to try instead of a use case's own: one file below ``configs/agents/``."""

    agent: Agent
    propensity_weighting: PropensityWeighting | None = None
    exploration: Exploration | None = None


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML that refuses a key written twice in one mapping, where PyYAML keeps the last."""


def _unique_mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} occurs twice in one mapping", key_node.start_mark
            )
        seen.add(key)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)

_Model = TypeVar("_Model", bound=Settings)


def _load(path: Path, model: type[_Model]) -> _Model:
    return _parse(_text(path), path, model)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 at byte {error.start}") from error


def _parse(text: str, path: Path, model: type[_Model]) -> _Model:
    return _validated(_mapping(text, path), path, model)


def _mapping(text: str, path: Path) -> dict[Any, Any]:
    try:
        raw = yaml.load(text, Loader=_UniqueKeyLoader)
    except yaml.YAMLError as error:
        # PyYAML calls a text that it did not read from a file "<unicode string>".
        said = " ".join(str(error).replace(' in "<unicode string>",', " at").split())
        raise SettingsError(f"{path}: not valid YAML: {said}") from error
    if not isinstance(raw, dict):
        raise SettingsError(f"{path}: found {type(raw).__name__}; allowed: a mapping of settings")
    return raw


def _validated(raw: dict[Any, Any], path: Path, model: type[_Model]) -> _Model:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise refusal(path, error, model) from error


def load_use_case(path: Path) -> UseCase:
    """Reads and validates a use case.

    Raises:
      SettingsError: one line per fault, each naming file, key, what was found and what is allowed.
    """
    return _load(path, UseCase)


def parse_use_case(text: str, path: Path) -> UseCase:
    """The use case of a file's text; raises as `load_use_case` does, and names the file ``path``."""
    return _parse(text, path, UseCase)


def load_agent(folder: Path, name: str, use_case: UseCase) -> UseCase:
    """The use case with another agent: that of the file ``<folder>/<name>.yaml``, else one of type ``name``.

    Without a file, the use case's own agent keeps its settings and one of another type has its defaults.

    Raises:
      SettingsError: neither a file nor a type has this name, or the agent does not fit the use case.
    """
    path = folder / f"{name}.yaml"
    types = sorted(AgentFile.model_json_schema()["properties"]["agent"]["discriminator"]["mapping"])
    if path.is_file():
        changes = _load(path, AgentFile).model_dump(exclude_none=True)
    elif name == use_case.agent.type:
        return use_case
    elif name in types:
        changes = {"agent": {"type": name}}
    else:
        files = sorted(file.stem for file in folder.glob("*.yaml"))
        raise SettingsError(f"agent {name}: unknown; allowed: {', '.join(dict.fromkeys(files + types))}")
    try:
        return UseCase.model_validate({**use_case.model_dump(), **changes})
    except ValidationError as error:
        raise refusal(path, error, UseCase) from error


def load_environment(path: Path) -> Environment:
    """Reads and validates an environment; raises `SettingsError` as `load_use_case` does."""
    return _load(path, Environment)


def load_world(path: Path) -> WorldSettings:
    """Reads and validates a world of the simulator; raises `SettingsError` as `load_use_case` does."""
    raw = _mapping(_text(path), path)
    if "built_in" in raw:
        return _validated(raw, path, BuiltInWorld)
    return _validated(raw, path, DeclaredWorld)
