"""The search for hyperparameters, off-policy: what `newsletter-bandit tune` runs."""
