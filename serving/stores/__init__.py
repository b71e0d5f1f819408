"""Stores of rankings: one SQLite file, or Datastore."""
