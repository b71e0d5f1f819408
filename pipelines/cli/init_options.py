"""The options of `init`, each with its help, and the answers that they are."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from newsletter_bandit.errors import SettingsError
from pipelines.cli.days import day
from pipelines.cli.options import WORKDIR, WorkdirOption, date_of

if TYPE_CHECKING:
    from newsletter_bandit.first_use.answers import Answers
    from newsletter_bandit.first_use.log import Style
    from newsletter_bandit.first_use.named_roles import Role

CONFIGS = Path("configs")
_ROLES: tuple[Role, ...] = (
    "user", "time", "recommender", "clicked", "unsubscribed", "propensity", "campaign", "policy_version",
)  # fmt: skip
_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}


def _column(text: str) -> Any:
    return typer.Option(metavar="COL", help=text)


@dataclass(frozen=True)
class InitOptions:
    """What the command line was given, in the order of its help; None where an option was not given."""

    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="A log with one row per newsletter sent, CSV or Parquet."),
    ]
    user: Annotated[str | None, _column("Column with the user; - if each row is another user.")] = None
    time: Annotated[
        str | None, _column("Column with the time of sending; - if all were sent on one day, with --sent-on.")
    ] = None
    sent_on: Annotated[
        dt.datetime | None,
        typer.Option(metavar="YYYY-MM-DD", parser=day, help="Day on which all were sent."),
    ] = None
    recommender: Annotated[str | None, _column("Column with the recommender that filled the newsletter.")] = (
        None
    )
    clicked: Annotated[
        str | None, _column("Column with the click: yes or no, a count, or the time of the click.")
    ] = None
    unsubscribed: Annotated[str | None, _column("Column with the unsubscribe, likewise; - for none.")] = None
    clicked_when: Annotated[
        list[str] | None,
        typer.Option(metavar="VALUE", help="Value of --clicked that means a click, if words do. Repeat it."),
    ] = None
    unsubscribed_when: Annotated[
        list[str] | None, typer.Option(metavar="VALUE", help="Value of --unsubscribed, likewise. Repeat it.")
    ] = None
    campaign: Annotated[str | None, _column("Column that names the mailing; - for none.")] = None
    policy_version: Annotated[
        str | None, _column("Column that names what chose the recommender; - for none.")
    ] = None
    split: Annotated[
        str | None,
        typer.Option(
            metavar="SHARES",
            help="The recommenders were drawn by these shares: 40/30/10/10/10 (those with most rows first), "
            "'deals=60, top rated=40', or equal.",
        ),
    ] = None
    propensity: Annotated[
        str | None, _column("Column with the probability with which the recommender was drawn.")
    ] = None
    rule_column: Annotated[
        str | None, _column("The shares depended on this column; give each with --rule.")
    ] = None
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            metavar="VALUE:SHARES",
            help="Shares where --rule-column has the value, such as 'CH: 60/40'. Repeat it.",
        ),
    ] = None
    estimate_by: Annotated[
        list[str] | None,
        typer.Option(
            "--estimate-by",
            metavar="COL",
            help="Columns like this one decided, by shares that nobody knows: estimate them. Every figure "
            "then says so. Repeat it.",
        ),
    ] = None
    unknown_choice: Annotated[
        bool,
        typer.Option(
            "--unknown-choice", help="Nobody knows how they were chosen: say what that means, and end."
        ),
    ] = False
    misfit: Annotated[
        bool, typer.Option("--despite-misfit", help="Write shares that the log contradicts all the same.")
    ] = False
    time_zone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE", help="Zone of times that name none, such as Europe/Zurich (default: UTC)."
        ),
    ] = None
    rename: Annotated[
        list[str] | None,
        typer.Option(
            "--rename",
            metavar="OLD=NEW",
            help="Name of a recommender in place of the file's value. Repeat it.",
        ),
    ] = None
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="COL", help="Column that shall be no feature. Repeat it."),
    ] = None
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the use case (default: that of the file)."),
    ] = None
    delimiter: Annotated[
        Literal["comma", "semicolon", "tab", "bar"] | None,
        typer.Option(help="Between the columns of a CSV (default: found by the header)."),
    ] = None
    encoding: Annotated[
        Literal["utf-8", "utf-16", "windows-1252", "latin-1"] | None,
        typer.Option(help="Of a CSV that is not UTF-8 (default: found by its bytes)."),
    ] = None
    decimal: Annotated[
        Literal["point", "comma"] | None,
        typer.Option(help="Before the decimals of numbers (default: found by the numbers)."),
    ] = None
    month_first: Annotated[
        bool | None,
        typer.Option("--month-first/--day-first", help="How dates such as 01/02/2026 begin."),
    ] = None
    max_rejected_share: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of rows that may be left out as unusable (default: 0.05 with --yes; without it, more "
            "than 0.001 is a question).",
        ),
    ] = None
    folder: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="Folder of the use case; its schema goes to schemas/.")
    ] = CONFIGS
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing; take what is proposed for the rest.")
    ] = False
    workdir: WorkdirOption = WORKDIR


def style_of(options: InitOptions) -> Style:
    """How the files are written, as far as it was said."""
    from newsletter_bandit.first_use.log import Style

    delimiter = None if options.delimiter is None else _DELIMITERS[options.delimiter]
    return Style(delimiter, options.encoding, options.decimal, options.month_first)


def answers_of(options: InitOptions) -> Answers:
    """The answers that were given as options.

    Raises:
      SettingsError: `--rename` or `--rule` has not two parts.
    """
    from newsletter_bandit.first_use.answers import Answers

    meanings: tuple[tuple[Role, list[str] | None], ...] = (
        ("clicked", options.clicked_when),
        ("unsubscribed", options.unsubscribed_when),
    )
    given = ((role, getattr(options, role)) for role in _ROLES)
    return Answers(
        name=options.name,
        roles={role: column for role, column in given if column is not None},
        names=dict(_pair("rename", each, "=") for each in options.rename or ()),
        without=tuple(options.without or ()),
        time_zone=options.time_zone,
        split=options.split,
        rule_column=options.rule_column,
        estimate_by=tuple(options.estimate_by or ()),
        sent_on=date_of(options.sent_on),
        meanings={role: words for role, words in meanings if words},
        rules=dict(_pair("rule", each, ":") for each in options.rule or ()),
        misfit_is_known=options.misfit,
    )


def _pair(option: str, text: str, sign: str) -> tuple[str, str]:
    first, found, second = text.rpartition(sign)
    if not found or not second.strip():
        words = {"=": "OLD=NEW, such as 1=deals", ":": "VALUE:SHARES, such as 'CH: 60/40'"}
        raise SettingsError(f"`{option}`: found {text!r}; allowed: {words[sign]}")
    return first.strip(), second.strip()
