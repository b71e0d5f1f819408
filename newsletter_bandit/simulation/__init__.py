"""Simulated newsletter traffic with a known truth, for the demo, the tests and the closed loop.

The truth stays inside this room: the tables it writes hold what a company would have logged, nothing more.
"""
