"""Evaluator: off-policy evaluation, kept in TFMA's result files, and the gate that blesses a model or says
why not.
"""
