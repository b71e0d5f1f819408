"""DriftDetector: how far the features moved since the version in production was trained."""
