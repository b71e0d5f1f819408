"""RepeatGuard: keeps a pipeline from training again on rows that were judged before."""
