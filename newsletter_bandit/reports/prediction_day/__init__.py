"""The page of a prediction day: what was stored for whom, and whether anything is wrong with it."""

from newsletter_bandit.reports.prediction_day.evidence import PredictionDay
from newsletter_bandit.reports.prediction_day.page import page
from newsletter_bandit.reports.prediction_day.summary import summary
from newsletter_bandit.reports.prediction_day.took import StepTime, Took

__all__ = ["PredictionDay", "StepTime", "Took", "page", "summary"]
