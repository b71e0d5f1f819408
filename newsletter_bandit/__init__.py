"""The project's knowledge of contextual bandits for newsletters, importable without TFX, TensorFlow and Beam.

`newsletter_bandit.off_policy` is the room for a notebook: `from newsletter_bandit import off_policy`.
"""
