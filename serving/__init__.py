"""The endpoint, deployed alone: it needs neither TensorFlow nor TFX nor the other folders."""
