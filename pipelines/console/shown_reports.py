"""Reports as they are true now: made again from their evidence, or stored ones with a word on that."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from markupsafe import escape

from newsletter_bandit.errors import DataError
from newsletter_bandit.reports import Evidence, page
from newsletter_bandit.reports.evidence import of_version
from pipelines.console.pages import minute
from pipelines.console.past_runs import PastRuns, Run
from pipelines.console.published import Published

_TOP = b"<main>"


class ShownReports:
    """The reports of runs and versions.

    Args:
      published: the versions.
      runs: the runs of this machine, whose records hold more evidence than the registry does.
      options: of the command that runs the console, for the commands in a report; None where unknown.
    """

    def __init__(self, published: Published, runs: PastRuns, options: str | None) -> None:
        self._published = published
        self._runs = runs
        self._options = options

    def of_run(self, run: Run, now: dt.datetime) -> bytes:
        """The report of a run that has one.

        Raises:
          DataError: neither its record nor the registry can be read.
        """
        assert run.report is not None
        return self._fresh_or(self._runs.evidence(run.name), run.report.read_bytes(), run.version, now)

    def of_version(self, version: str, now: dt.datetime) -> bytes:
        """The report of a version; of one that was published without, it is made of the registry's evidence.

        Raises:
          DataError: there is no such version, or what is known of it is damaged.
        """
        registry = self._published.registry
        stored = registry.report(version)
        evidence = self._runs.evidence_of_version(version)
        if evidence is None and stored is None:
            evidence = of_version(registry, version)
        return self._fresh_or(evidence, stored, version, now)

    def _fresh_or(
        self, evidence: Evidence | None, stored: bytes | None, version: str | None, now: dt.datetime
    ) -> bytes:
        why = ""
        if evidence is not None:
            if self._options is not None:
                evidence = replace(evidence, options=self._options)
            try:
                return page(evidence, self._published.registry.versions(), now).encode()
            except DataError as error:
                if stored is None:
                    raise
                why = f" It could not be made again: {error}."
        assert stored is not None
        return with_words(stored, f"{self._now_words(version, now)}{why}")

    def _now_words(self, version: str | None, now: dt.datetime) -> str:
        words = "This page is as it was made after the training; what it says of production may be old."
        if version is None or version not in self._published.names():
            return words
        model = self._published.model(version)
        signed = f", {model.signed}" if model.signed else ""
        return f"As of {minute(now)} UTC, this version is: {model.state}{signed}. {words}"


def with_words(content: bytes, words: str) -> bytes:
    """A stored page with a paragraph at its top."""
    told = f'<p class="doubt" role="note">{escape(words)}</p>'.encode()
    before, top, after = content.partition(_TOP)
    return before + top + told + after if top else told + content
