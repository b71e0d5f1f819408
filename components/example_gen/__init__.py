"""ExampleGen: the warehouse's rows as tf.Examples, and how raw files get into the embedded warehouse."""
