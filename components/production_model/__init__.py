"""ProductionModel: the registry's current model as an artifact."""
