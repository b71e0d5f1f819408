"""PredictionStorer: the day's rankings, checked and written to the ranking store."""
