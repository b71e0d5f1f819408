"""The contents of a world, and whether a use case can be played in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.tables import CLICKED, UNSUBSCRIBED
from newsletter_bandit.settings.use_case import UseCase


@dataclass(frozen=True)
class Contents:
    """What a world knows. A use case may name any part of it, in any order.

    Attributes:
      recommenders: by name.
      features: name -> type, in the words of the settings.
      outcomes: beside clicks and unsubscribes.
      conditional: recommenders that do not fit everyone.
    """

    recommenders: tuple[str, ...]
    features: Mapping[str, str]
    outcomes: tuple[str, ...] = ()
    conditional: frozenset[str] = frozenset()

    def check_recommenders(self, recommenders: tuple[str, ...], where: str) -> None:
        """Raises `SettingsError` unless the world knows each and every user is eligible for one."""
        unknown = [name for name in recommenders if name not in self.recommenders]
        if unknown:
            raise SettingsError(
                f"{where}: recommenders: the simulated world does not know {unknown}; allowed: "
                f"{list(self.recommenders)}"
            )
        if all(name in self.conditional for name in recommenders):
            raise SettingsError(
                f"{where}: recommenders: found {list(recommenders)}, which some users are all ineligible "
                "for; allowed: at least one of "
                f"{[name for name in self.recommenders if name not in self.conditional]}"
            )

    def check_features(self, features: Mapping[str, str] | tuple[str, ...], where: str) -> None:
        """Raises `SettingsError` unless the world knows each, with the same type if one is given."""
        unknown = [name for name in features if name not in self.features]
        if unknown:
            raise SettingsError(
                f"{where}: features: the simulated world does not know {unknown}; allowed: "
                f"{list(self.features)}"
            )
        types: Mapping[str, Any] = features if isinstance(features, Mapping) else {}
        for name, found in types.items():
            if found != self.features[name]:
                raise SettingsError(
                    f"{where}: features.{name}: found type {found}; the simulated world has type "
                    f"{self.features[name]}"
                )

    def check_outcomes(self, outcomes: tuple[str, ...], where: str) -> None:
        """Raises `SettingsError` unless the world knows each outcome of a reward."""
        unknown = [name for name in outcomes if name not in self.outcomes]
        if unknown:
            raise SettingsError(
                f"{where}: reward: the simulated world does not know {unknown}; allowed: terms "
                f"{', '.join((CLICKED, UNSUBSCRIBED, *self.outcomes))}"
            )

    def check(self, use_case: UseCase) -> None:
        """Raises `SettingsError` if the world cannot play this use case, naming what it does not know."""
        where = f"use case {use_case.name}"
        self.check_recommenders(use_case.recommenders, where)
        own = {name: one.type for name, one in use_case.features.items() if name not in use_case.history}
        self.check_features(own, where)
        self.check_outcomes(tuple(use_case.reward.outcomes), where)
