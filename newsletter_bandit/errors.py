"""Errors that a person can fix; the command line prints them as one message, without a traceback.

Each takes exactly one string, so that Beam, which rebuilds an exception from its message, keeps the type.
"""

from __future__ import annotations


class UserError(Exception):
    """Something that the user can fix: the message names what was found, where, and what is allowed."""

    exit_code = 1


class SettingsError(UserError):
    """A settings file or option that cannot be used; nothing was started."""

    exit_code = 2


class DataError(UserError):
    """Rows, columns or tables that cannot be used; nothing that was stored is lost."""

    exit_code = 2
