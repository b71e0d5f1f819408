"""The report of a training run: evidence in, one self-contained HTML page out."""

from newsletter_bandit.reports.evidence import Evidence, Outcome
from newsletter_bandit.reports.page import page

__all__ = ["Evidence", "Outcome", "page"]
