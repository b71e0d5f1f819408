"""The model server: ranks requests with the published graph, in plain TensorFlow, and logs them."""
