"""The pipelines and the endpoint on Google Cloud."""
