"""CuratedSchema: the reviewed schema as an artifact."""
