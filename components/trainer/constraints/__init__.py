"""Constraints: how a policy stands to their bounds, and the multipliers by which it holds them."""
