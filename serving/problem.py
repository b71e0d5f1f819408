"""Errors as the client sees them."""

from __future__ import annotations


class Problem(Exception):  # noqa: N818 - an answer rather than a fault
    """An error answer: HTTP status, stable code and a message for people; `headers` are sent along."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, code, message, headers)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
