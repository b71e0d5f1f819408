"""Builds the training and inference tables from the raw sources, in either warehouse."""
