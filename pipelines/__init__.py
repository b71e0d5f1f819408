"""Wiring: the two pipelines, where they run, and the command line. No logic lives here."""
