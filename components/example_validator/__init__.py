"""ExampleValidator: the curated schema, and the step that stops a run whose data contradicts it."""
