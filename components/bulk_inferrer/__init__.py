"""BulkInferrer: the published graph over the inference table."""
