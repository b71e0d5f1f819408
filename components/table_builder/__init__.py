"""TableBuilder: the first step of a scheduled pipeline, which fills the table that the others read."""
