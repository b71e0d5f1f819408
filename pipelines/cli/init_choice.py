"""The question of `init` that only a person can answer: how the recommender of each row was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rich.console import Console

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.first_use.answers import Answers
from newsletter_bandit.first_use.arms import Arm
from newsletter_bandit.first_use.choosing import how_chosen
from newsletter_bandit.first_use.log import Log
from newsletter_bandit.first_use.misfit import misfit
from newsletter_bandit.first_use.named_roles import ROLE_WORDS
from newsletter_bandit.first_use.roles import NO_COLUMN, propose_roles
from newsletter_bandit.first_use.splits import groups_of, parse_part
from pipelines.cli.init_asking import agreed, ask

ESTIMATED, UNKNOWN = "4", "5"
_WAYS = """\
How was the recommender of each newsletter chosen?
  1  drawn by shares that are known and the same for all
  2  drawn, and a column holds the probability
  3  drawn by shares that depend on a column, such as the country
  4  by columns of this log that you can name, but by shares that nobody knows: they are estimated
  5  nobody knows"""


class UnknownChoiceError(Exception):
    """The person says that nobody knows how the recommender was chosen; `answers` are those until then."""

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self.answers = answers


def ask_choice(out: Console, log: Log, answers: Answers, arms: tuple[Arm, ...]) -> Answers:
    """The answers with how the recommender was chosen.

    Raises:
      UnknownChoiceError: nobody knows.
      SettingsError: the input ends.
    """
    roles = propose_roles(log, answers.roles)
    out.print(f"\n{_WAYS}", markup=False)

    def which(text: str) -> str:
        if text not in ("1", "2", "3", ESTIMATED, UNKNOWN):
            raise SettingsError(f"found {text!r}; allowed: 1, 2, 3, 4 or 5")
        return text

    way = ask(out, "Which", "2" if "propensity" in roles else "1", which)
    if way == UNKNOWN:
        raise UnknownChoiceError(answers)
    if way == "2":
        return _probability(out, log, answers, arms)
    # A column that looks like a probability is not what decides then.
    answers = replace(answers, roles={"propensity": NO_COLUMN, **answers.roles})
    if way == ESTIMATED:
        return _deciding(out, log, answers, arms)
    names = [arm.name for arm in arms]
    if way == "1":
        counts = {arm.name: arm.rows for arm in arms}
        text, known = _shares(out, names, names, counts, "Shares in the order above")
        return replace(answers, split=text, misfit_is_known=known)

    def groups(column: str) -> str:
        groups_of(log, arms, roles["recommender"], column)
        return column

    column = ask(out, "Column that decided", "", groups)
    rules, insisted = {}, False
    for group in groups_of(log, arms, roles["recommender"], column):
        shown = [name for name in names if group.rows.get(name)]
        where = f"{column} = {group.value or '(empty)'}: shares of {', '.join(shown)}"
        rules[group.value or ""], known = _shares(out, shown, names, group.rows, where)
        insisted = insisted or known
    return replace(answers, rule_column=column, rules=rules, misfit_is_known=insisted)


def _deciding(out: Console, log: Log, answers: Answers, arms: tuple[Arm, ...]) -> Answers:
    def take(text: str) -> Answers:
        columns = tuple(filter(None, (each.strip() for each in text.split(";"))))
        given = replace(answers, estimate_by=columns)
        how_chosen(log, propose_roles(log, given.roles), arms, given)
        return given

    return ask(out, "Columns that decided, all of them, semicolons between", "", take)


def _probability(out: Console, log: Log, answers: Answers, arms: tuple[Arm, ...]) -> Answers:
    proposed = propose_roles(log, answers.roles).get("propensity", "")

    def take(text: str) -> Answers:
        given = replace(answers, roles={**answers.roles, "propensity": text})
        how_chosen(log, propose_roles(log, given.roles), arms, given)
        return given

    return ask(out, f"Column of {ROLE_WORDS['propensity']}", proposed, take)


def _shares(
    out: Console, names: list[str], every: list[str], rows: Mapping[str, int], question: str
) -> tuple[str, bool]:
    """The text of a split, and whether the person insists on one that the log contradicts."""
    example = "equal" if len(names) == 1 else "/".join(str(100 // len(names)) for _ in names)
    while True:

        def take(text: str) -> str:
            if not text:
                raise SettingsError(
                    "found nothing; the log cannot tell the shares; allowed: shares such as "
                    f"{example}, or equal"
                )
            parse_part(text, names, every, "shares")
            return text

        text = ask(out, f"{question}, such as {example}, or equal", "", take)
        fault = misfit(parse_part(text, names, every, "shares"), rows)
        if not fault:
            return text, False
        out.print(f"  But {fault}.", style="yellow", markup=False, soft_wrap=True)
        if agreed(out, "Wrong shares make every judgement wrong. Use them all the same?"):
            return text, True
