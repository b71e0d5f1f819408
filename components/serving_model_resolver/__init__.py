"""ServingModelResolver: chooses which of the two policies is served."""
