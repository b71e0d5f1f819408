"""The console: a few pages on this machine alone, on what is in production and what runs have done."""
