"""ExampleGen: the warehouse's rows as tf.Examples."""
