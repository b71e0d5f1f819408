"""CuratedSchema: the schema that somebody looked over, as an artifact."""
