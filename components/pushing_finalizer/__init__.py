"""PushingFinalizer: publishes what was pushed, with its evidence."""
