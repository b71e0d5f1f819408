"""StatisticsGen: what the examples look like, for the ExampleValidator."""
