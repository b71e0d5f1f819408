"""StatisticsGen: statistics of the examples, for the ExampleValidator."""
