"""The closed loop: agents side by side in the same simulated worlds, over several seeds."""
