"""Tuner: a search for hyperparameters by off-policy value; what it finds, HyperparametersGen emits."""
