"""HyperparametersGen: the hyperparameters of a run as an artifact."""
