"""An examination of a set-up: whatever would keep the commands from working, and what to do about it."""
