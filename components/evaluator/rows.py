"""Logged rows reduced to a few floats, once, before they are sliced and summed.

A row is a row of floats: what is shared first (`Shared`), then what each model says of the row (`OfModel`),
then the reward's further outcomes. Model 1 is the candidate, and all that is shared is as it sees the row;
model 2, if there is one, is in production, and model 3 was there earlier. `table` writes such rows and `view`
gives their columns by name; nobody else counts columns.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from newsletter_bandit import exported_model as model
from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.words import NEWSLETTER
from serving.propensity import is_propensity

_PROPENSITY, _REWARD = "(0, 1]", "a finite number"  # what is allowed

FloatArray = npt.NDArray[np.float64]


class Shared(NamedTuple):
    """Columns [n] of the logged outcome and of what the candidate says whatever its policy.

    Attributes:
      reward, propensity, clicked, unsubscribed: as logged; the last two are 1 or 0.
      user: hash of the user, a whole number below 2^32.
      action: index of the logged recommender; -1 where the candidate does not know it.
      best_score: largest reward estimate of an eligible recommender.
      default_probability: pi_d(a | x) of the policy that takes the default recommender; the eval policy's
        where none is eligible.
      default_value: sum_a pi_d(a | x) q(x, a), likewise.
    """

    reward: FloatArray
    propensity: FloatArray
    clicked: FloatArray
    unsubscribed: FloatArray
    user: FloatArray
    action: FloatArray
    best_score: FloatArray
    default_probability: FloatArray
    default_value: FloatArray


class OfModel(NamedTuple):
    """Columns [n] of one model: q are its reward estimates, pi_s its serving policy and pi_e its eval policy.

    Attributes:
      known: 1 where the model knows the logged recommender, else 0, and then its probabilities and estimate
        are 0 too.
      score: q of the logged action, rescaled into [0, 1].
      logged_estimate: q(x, a).
      serving_probability: pi_s(a | x).
      serving_value: sum_a pi_s(a | x) q(x, a).
      eval_probability: pi_e(a | x).
      eval_value: sum_a pi_e(a | x) q(x, a).
      common_estimate: c(x, a), c the reward estimates that the models share; see `table`.
      common_value: sum_a pi_s(a | x) c(x, a).
    """

    known: FloatArray
    score: FloatArray
    logged_estimate: FloatArray
    serving_probability: FloatArray
    serving_value: FloatArray
    eval_probability: FloatArray
    eval_value: FloatArray
    common_estimate: FloatArray
    common_value: FloatArray


SHARED = len(Shared._fields)
PER_MODEL = len(OfModel._fields)


class View(NamedTuple):
    """Compact rows by column: what is shared, what each model says of them, and the further outcomes."""

    shared: Shared
    models: tuple[OfModel, ...]
    outcomes: tuple[FloatArray, ...] = ()


class Known(NamedTuple):
    """What is known of a model's K recommenders.

    Attributes:
      names: in the order of its outputs; None for a model that was exported without.
      tried: bool [K], those of which it learned from a row at least; None where that is unknown, which counts
        as tried.
    """

    names: Sequence[str] | None
    tried: npt.NDArray[np.bool_] | None = None


class Scored(NamedTuple):
    """Compact rows [n, d], and the sums over them by recommender; None where nobody took them."""

    rows: FloatArray
    recommender_sums: FloatArray | None


@dataclass(frozen=True, eq=False)
class Outcome:
    """Logged outcome of n rows.

    Attributes:
      reward: [n], finite.
      propensity: [n], propensity of the logged recommender, in (0, 1].
      clicked, unsubscribed: [n], yes or no.
      user_id: [n], str or bytes; named if a row is refused.
      outcomes: [n], finite, of each further outcome of the reward, by its name.
      subject: what a refusal calls a user.
    """

    reward: npt.NDArray[Any]
    propensity: npt.NDArray[Any]
    clicked: npt.NDArray[Any]
    unsubscribed: npt.NDArray[Any]
    user_id: npt.NDArray[Any]
    outcomes: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    subject: str = NEWSLETTER.subject


# Columns that every log has of an outcome.
LOGGED = tuple(one.name for one in fields(Outcome) if one.name not in (model.USER_ID, "outcomes", "subject"))


def table(
    outcome: Outcome,
    outputs: Sequence[Mapping[str, npt.NDArray[Any]]],
    reward_bounds: tuple[float, float] | None,
    known: Sequence[Known],
) -> FloatArray:
    """Compact rows [n, SHARED + PER_MODEL * models + outcomes], laid out as the module says.

    Models are compared by reward estimates that they share, the second one's within the reward's bounds:
    what two policies do alike then cancels, and the candidate is no judge of its own choices. A recommender
    that the second model does not know has the other model's estimate. If the names of a model's recommenders
    are unknown, it cannot share any and goes without estimates; and if they are the first's or the second's,
    so do all.

    Nobody knows what a recommender earns that a model never tried. So its serving policy is measured on what
    it does with the others, its probabilities divided by their sum.

    Args:
      outcome: logged outcome of the n rows.
      outputs: outputs of each model's `evaluation` signature for them, the candidate's first: estimates and
        probabilities [n, K], the others [n] or [n, 1].
      reward_bounds: smallest and largest reward; None where it has none.
      known: of each model, what is known of its K recommenders.

    Raises:
      DataError: an output is missing or of another shape, or a value outside its range; names it and the
        user.
    """
    _check_outputs(outputs)
    n = len(outcome.user_id)
    logged = {name: _column(getattr(outcome, name), name, n) for name in LOGGED}
    reward, propensity = logged["reward"], logged["propensity"]
    _refuse(outcome, "propensity", propensity, ~is_propensity(propensity), _PROPENSITY)
    _refuse(outcome, "reward", reward, ~np.isfinite(reward), _REWARD)
    further = {name: _column(values, name, n) for name, values in outcome.outcomes.items()}
    for name, values in further.items():
        _refuse(outcome, name, values, ~np.isfinite(values), _REWARD)
    logged["user"] = user_hashes(outcome.user_id)
    models = [_Model(output, n, of_model.tried) for output, of_model in zip(outputs, known, strict=True)]
    common = _common([one.estimates for one in models], reward_bounds, [of_model.names for of_model in known])
    own = [column for one, shared in zip(models, common, strict=True) for column in one.own(shared)]
    return np.stack([*models[0].shared(logged), *own, *further.values()], axis=1)


def recommender_sums(
    candidate: Mapping[str, npt.NDArray[Any]],
    production: Mapping[str, npt.NDArray[Any]] | None = None,
    known: Sequence[Known] = (),
    index: npt.NDArray[np.int64] | None = None,
) -> FloatArray:
    """[5, K]: in how many rows each of the candidate's recommenders is eligible, how often its serving policy
    takes it, how often production's does (NaN where that is unknown), how often the candidate's takes it
    where its eval policy prefers another, and how often its eval policy takes it.

    A recommender that production never tried came into the log by production itself. An empty list of an
    older row does not stand for it, so its rows are not counted: 0.

    Args:
      candidate: outputs of the candidate's `evaluation` signature.
      production: the same of the model in production; None if there is none.
      known: of each model, what is known of its recommenders.
      index: rows to look at; None for all.
    """
    rows = slice(None) if index is None else index
    eligible = np.asarray(candidate[model.ELIGIBLE_RECOMMENDERS]).astype(bool)[rows].sum(axis=0)
    serving = np.asarray(candidate[model.SERVING_PROBABILITIES], dtype=np.float64)[rows]
    preferred = np.asarray(candidate[model.EVAL_PROBABILITIES], dtype=np.float64)[rows]
    taken, explored = serving.sum(axis=0), (serving * (1.0 - preferred)).sum(axis=0)
    names = [of_model.names for of_model in known[:2]]
    if production is None or None in names:
        return np.stack([eligible, taken, np.full(len(taken), np.nan), explored, preferred.sum(axis=0)])
    ours, theirs = (list(of_model or ()) for of_model in names)
    by_production = np.asarray(production[model.SERVING_PROBABILITIES], dtype=np.float64)[rows].sum(axis=0)
    place = {name: index for index, name in enumerate(theirs)}
    found = [by_production[place[name]] if name in place else 0.0 for name in ours]
    tried = known[1].tried
    old = [name in place and (tried is None or bool(tried[place[name]])) for name in ours]
    return np.stack([np.where(old, eligible, 0), taken, np.array(found), explored, preferred.sum(axis=0)])


def user_hashes(users: npt.NDArray[Any]) -> FloatArray:
    """Hashes of the users [n], str or bytes: whole numbers below 2^32."""
    return np.fromiter(map(zlib.crc32, _encoded(users)), np.float64, len(users))


def view(rows: FloatArray, outcomes: int = 0) -> View:
    """The columns of compact rows with so many further outcomes, as `table` makes them; nothing is copied."""
    columns = list(rows.T)
    end = len(columns) - outcomes
    return View(
        Shared(*columns[:SHARED]),
        tuple(OfModel(*columns[first : first + PER_MODEL]) for first in range(SHARED, end, PER_MODEL)),
        tuple(columns[end:]),
    )


class _Model:
    """One model's outputs for n rows; a logged recommender that it does not know has action -1."""

    def __init__(
        self, output: Mapping[str, npt.NDArray[Any]], n: int, tried: npt.NDArray[np.bool_] | None
    ) -> None:
        self.estimates = _matrix(output, model.REWARD_ESTIMATES, n)
        self._serving = among(_matrix(output, model.SERVING_PROBABILITIES, n), tried)
        self._eval = _matrix(output, model.EVAL_PROBABILITIES, n)
        self._score = _column(output[model.LOGGED_SCORE], model.LOGGED_SCORE, n)
        self._default = _column(output[model.DEFAULT_ACTION], model.DEFAULT_ACTION, n).astype(np.int64)
        self._rows = np.arange(n)
        self._action = _column(output[model.LOGGED_ACTION], model.LOGGED_ACTION, n).astype(np.int64)
        self._best_score = _column(output[model.BEST_SCORE], model.BEST_SCORE, n)
        self.known = self._action >= 0

    def shared(self, logged: Mapping[str, FloatArray]) -> Shared:
        """The shared columns, this model being the candidate."""
        there = self._default >= 0
        taken = (self._default == self._action).astype(np.float64)
        estimate = self.estimates[self._rows, np.maximum(self._default, 0)]
        return Shared(
            **logged,
            action=self._action.astype(np.float64),
            best_score=self._best_score,
            default_probability=np.where(there, taken, self.of_action(self._eval)),
            default_value=np.where(there, estimate, self._value(self._eval)),
        )

    def own(self, common: FloatArray) -> OfModel:
        """The model's columns; ``common`` [n, K] are the estimates by which it is compared."""
        known = self.known.astype(np.float64)
        return OfModel(
            known=known,
            score=self._score * known,
            logged_estimate=self.of_action(self.estimates),
            serving_probability=self.of_action(self._serving),
            serving_value=self._value(self._serving),
            eval_probability=self.of_action(self._eval),
            eval_value=self._value(self._eval),
            common_estimate=self.of_action(common),
            common_value=np.asarray((self._serving * common).sum(axis=1)),
        )

    def _value(self, policy: FloatArray) -> FloatArray:
        """Expected reward [n] of a policy [n, K] by the model's own estimates."""
        return np.asarray((policy * self.estimates).sum(axis=1))

    def of_action(self, values: FloatArray) -> FloatArray:
        """The values [n, K] of the logged actions [n]; 0 where the model does not know them."""
        return np.where(self.known, values[self._rows, np.maximum(self._action, 0)], 0.0)


def _common(
    estimates: Sequence[FloatArray],
    reward_bounds: tuple[float, float] | None,
    names: Sequence[Sequence[str] | None],
) -> list[FloatArray]:
    """Reward estimates [n, K] by which each model is compared, K its own recommenders."""
    own = [one.copy() if reward_bounds is None else np.clip(one, *reward_bounds) for one in estimates]
    if len(own) == 1:
        return own
    production, known = own[1], names[1]
    if names[0] is None or known is None:
        return [np.zeros_like(one) for one in own]
    return [
        np.zeros_like(one) if its is None else _replaced(one, its, production, known)
        for one, its in zip(own, names, strict=True)
    ]


def _replaced(
    estimates: FloatArray, names: Sequence[str], production: FloatArray, known: Sequence[str]
) -> FloatArray:
    """The estimates [n, K], those of production in the place of its own wherever production has one."""
    if list(names) == list(known):
        return production
    place = {name: index for index, name in enumerate(known)}
    both = [(index, place[name]) for index, name in enumerate(names) if name in place]
    if both:
        here, there = (list(indices) for indices in zip(*both, strict=True))
        estimates[:, here] = production[:, there]
    return estimates


def among(probabilities: FloatArray, tried: npt.NDArray[np.bool_] | None) -> FloatArray:
    """Probabilities [n, K] of the recommenders that were tried; a row of none of them stays as it is."""
    if tried is None or tried.all():
        return probabilities
    rest = probabilities * tried
    total = rest.sum(axis=1, keepdims=True)
    found: FloatArray = np.where(total > 0.0, rest / np.where(total > 0.0, total, 1.0), probabilities)
    return found


def _encoded(users: npt.NDArray[Any]) -> Iterable[bytes]:
    """The users as bytes; those of a graph are bytes already."""
    if len(users) and isinstance(users[0], bytes):
        return users
    return (str(user).encode() for user in users)


def _column(values: Any, name: str, n: int) -> FloatArray:
    column = np.asarray(values).astype(np.float64)
    if column.shape not in ((n,), (n, 1)):
        raise DataError(f"evaluation rows: {name} has shape {column.shape}; allowed: [{n}] or [{n}, 1]")
    return column.reshape(n)


def _matrix(output: Mapping[str, npt.NDArray[Any]], name: str, n: int) -> FloatArray:
    matrix = np.asarray(output[name]).astype(np.float64)
    size = np.shape(output[model.REWARD_ESTIMATES])[-1]
    if matrix.shape != (n, size):
        raise DataError(f"evaluation rows: {name} has shape {matrix.shape}; allowed: [{n}, {size}]")
    return matrix


def _refuse(
    outcome: Outcome, name: str, values: FloatArray, outside: npt.NDArray[np.bool_], allowed: str
) -> None:
    if outside.any():
        row = int(np.argmax(outside))
        raise _outside(outcome.subject, outcome.user_id[row], name, float(values[row]), allowed)


def _outside(subject: str, user: Any, name: str, found: float, allowed: str) -> DataError:
    return DataError(f"evaluation row of {subject} {text(user)}: {name} is {found:g}; allowed: {allowed}")


def _check_outputs(outputs: Sequence[Mapping[str, Any]]) -> None:
    for number, output in enumerate(outputs):
        wanted = model.EVALUATION_OUTPUTS if number else model.OF_CANDIDATE
        missing = [name for name in wanted if name not in output]
        if missing:
            raise DataError(
                f"signature {model.EVALUATION}: no output {', '.join(missing)}; "
                f"allowed: a model with {', '.join(wanted)}"
            )


def text(user: Any) -> str:
    """A user_id of str or bytes as it is written in a message."""
    return user.decode("utf-8", "replace") if isinstance(user, bytes) else str(user)
