"""Refitter: trains a blessed model again, on all rows."""
