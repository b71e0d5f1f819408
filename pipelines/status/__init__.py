"""The state of a use case: the ages of its tables, model, trainings and rankings, against their limits."""
