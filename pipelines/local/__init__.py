"""The pipelines on this machine."""
