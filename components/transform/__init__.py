"""Transform: vocabularies, missing values, log1p and z-scores, driven by the use case."""
