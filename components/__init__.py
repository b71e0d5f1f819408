"""One room per step, named as TFX and the article name it."""

import os

# Before anything here imports TensorFlow, which reads it once: TF-Agents needs the Keras it was written for.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
