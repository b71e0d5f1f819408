"""Evaluator: off-policy evaluation inside TFMA, and the gate that blesses a model or says why not."""
