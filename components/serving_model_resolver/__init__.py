"""ServingModelResolver: which of the two policies is served."""
