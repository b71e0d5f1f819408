"""Trainer: TF-Agents bandits trained offline from the logs, exported as one SavedModel."""
