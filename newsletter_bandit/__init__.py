"""What the project knows of contextual bandits for newsletters, importable without TFX, TensorFlow and Beam."""
