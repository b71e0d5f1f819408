"""An answer that says why not."""

from __future__ import annotations

from http import HTTPStatus


class Refusal(Exception):  # noqa: N818 - an answer rather than a fault
    """What was asked for is not to be had: the status, and a sentence for the person who asked."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


def no_version(use_case: str, version: str, names: list[str]) -> Refusal:
    """The registry has no such version."""
    return Refusal(
        HTTPStatus.NOT_FOUND,
        f"{use_case} has no version {version[:80]}; available: {', '.join(names) or 'none'}.",
    )
