"""Where rankings are kept: one SQLite file, or Datastore."""
