"""Approving and rejecting a published version: the answer is kept first, then the pointer moves.

A process that is killed between the two leaves an approval without its effect. The same command again
completes it, and adds no second answer.
"""

from __future__ import annotations

import datetime as dt
import getpass
from dataclasses import dataclass

from newsletter_bandit.errors import DataError
from newsletter_bandit.registry.evidence import SignOff, SignOffs
from newsletter_bandit.registry.evidence.sign_off import check_words
from newsletter_bandit.registry.pointer import Pointer
from newsletter_bandit.registry.registry import Registry
from newsletter_bandit.registry.versions import VersionInfo

_NOT_YET = ("judged", "waiting", "rejected", "superseded", "pinned")


@dataclass(frozen=True)
class Obstacle:
    """What speaks against an approval.

    Attributes:
      words: what it is, as a clause after the version's name.
      todo: what to do about it.
      yields: to an approval that says so.
    """

    words: str
    todo: str
    yields: bool = True


@dataclass(frozen=True)
class Signed:
    """What an answer came to.

    Attributes:
      answer: as it is kept; the earlier one where the same person had given it before.
      repeated: it was there already.
      moved: the version went into production by it.
      production: version in production now; None if there is none.
    """

    answer: SignOff
    repeated: bool
    moved: bool
    production: str | None


def account() -> str | None:
    """Name of the account that runs this process, for whoever gives no name; None if it has none."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # by version of Python
        return None


def obstacles(info: VersionInfo, pointer: Pointer | None) -> list[Obstacle]:
    """What speaks against approving a version, the weightiest first.

    Args:
      info: the version.
      pointer: of its registry.
    """
    found = []
    if info.verdict is None or not info.verdict.blessed:
        judged = "has no verdict" if info.verdict is None else f"is not blessed ({info.verdict.words})"
        found.append(
            Obstacle(f"{judged}", "only a version that the gate has blessed can be approved", yields=False)
        )
    rejection = info.sign_offs.rejection
    if rejection is not None:
        found.append(Obstacle(f"was {rejection.words} ({rejection.note})", "train on newer rows"))
    if info.is_current:
        return found
    now = "nothing" if pointer is None else pointer.version
    if pointer is not None and pointer.pinned:
        words = f"cannot go into production, because {now} is pinned"
        found.append(Obstacle(words, "`newsletter-bandit models unpin` takes the pin away", yields=False))
    if info.placement is None or info.placement.placed:
        words = f"was in production before, and {now} is now"
        todo = f"`newsletter-bandit models rollback {info.version}` brings it back"
        found.append(Obstacle(words, todo))
    elif info.placement.compared_with != info.production:
        judged = info.placement.compared_with or "the logging policy"
        found.append(
            Obstacle(
                f"is superseded: it was compared with {judged}, and {now} is in production now, of which its "
                "verdict says nothing",
                "`newsletter-bandit train --again` judges a model against what is there now",
            )
        )
    return found


def approve(
    registry: Registry,
    version: str,
    by: str,
    note: str,
    at: dt.datetime,
    override: bool = False,
    seen: str | None = None,
) -> Signed:
    """Approves a version, and puts it into production if it is not there.

    Args:
      registry: of the use case.
      version: a published version.
      by: name of the person.
      note: why.
      at: an aware time.
      override: approve it although it was rejected, is superseded, or was replaced.
      seen: version that the person saw in production, "" for none; None does not look.

    Raises:
      SettingsError: name or note is empty or too long.
      DataError: there is no such version, something speaks against it, or production changed meanwhile. What
        it is says whether the answer was kept.
    """
    by, note = check_words(by, note)
    info, pointer = registry.info(version), registry.pointer()
    now = None if pointer is None else pointer.version
    if seen is not None and (now or "") != seen:
        raise DataError(
            f"production changed meanwhile: it was {seen or 'nothing'}, and is {now or 'nothing'}; look again"
        )
    found = obstacles(info, pointer)
    _require_none([each for each in found if not (override and each.yields)], version)
    overrode = "; ".join(each.words for each in found)
    compared_with = _compared_with(info)
    answer, repeated = _keep(
        registry,
        version,
        SignOff("approved", by, at, note, compared_with, overrode),
        over=info.sign_offs.rejection,
    )
    placement = registry.place(version, now if override and not info.is_current else compared_with)
    if not placement.placed:
        raise DataError(
            f"{version}: is {answer.words}, but not in production: {placement.reason}; the approval is kept"
        )
    registry.looks.conclude_version(version, "published", instead_of=_NOT_YET)
    return Signed(answer, repeated, moved=not info.is_current, production=version)


def reject(registry: Registry, version: str, by: str, note: str, at: dt.datetime) -> Signed:
    """Rejects a version; production stays what it is.

    Args:
      registry, version, by, note, at: as in `approve`.

    Raises:
      SettingsError: name or note is empty or too long.
      DataError: there is no such version.
    """
    by, note = check_words(by, note)
    info = registry.info(version)
    answer, repeated = _keep(registry, version, SignOff("rejected", by, at, note, _compared_with(info)))
    registry.looks.conclude_version(version, "rejected", instead_of=("waiting",))
    pointer = registry.pointer()
    return Signed(answer, repeated, moved=False, production=None if pointer is None else pointer.version)


def _compared_with(info: VersionInfo) -> str | None:
    """What an answer is about: the version's last comparison."""
    if info.is_current and info.sign_offs.last is not None:
        return info.sign_offs.last.compared_with
    return None if info.placement is None else info.placement.compared_with


def _require_none(found: list[Obstacle], version: str) -> None:
    if found:
        more = "; or approve it all the same, with --override" if all(each.yields for each in found) else ""
        raise DataError(f"{version}: {found[0].words}; {found[0].todo}{more}. Nothing was changed.")


def _keep(
    registry: Registry, version: str, answer: SignOff, over: SignOff | None = None
) -> tuple[SignOff, bool]:
    """Adds an answer unless it only repeats one; the answer that is kept, and whether it was there.

    Args:
      registry, version: where.
      answer: the new one.
      over: the rejection that an approval may override; another one stands in its way.
    """
    # The change may be asked several times; the last answer is the one that counts.
    kept: list[tuple[SignOff, bool]] = []

    def change(found: SignOffs) -> SignOffs:
        earlier = found.given(answer)
        if earlier is not None:
            kept.append((earlier, True))
            return found
        rejection = found.rejection
        if answer.answer == "approved" and rejection is not None and rejection != over:
            raise DataError(f"{version}: was {rejection.words} meanwhile ({rejection.note}); look again")
        kept.append((answer, False))
        return found.plus(answer)

    registry.sign(version, change)
    return kept[-1]
