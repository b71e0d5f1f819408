"""A program that kills itself half way, as a machine does that fails."""

from __future__ import annotations

# Stands before a program whose last argument is a number: the step before which the process kills itself, 0
# for none. `step` is one; `counted` makes each call of a function one.
COUNTED = """
import os, signal, sys
kill_at, steps = int(sys.argv.pop()), 0
def step():
    global steps
    steps += 1
    if steps == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
def counted(call):
    def stepping(*args, **kwargs):
        step()
        return call(*args, **kwargs)
    return stepping
"""
