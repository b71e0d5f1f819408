"""The log of the model server: what it ranked for whom, and what came of it."""
