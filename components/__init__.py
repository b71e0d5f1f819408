"""One room per step, named as TFX and the article name it."""
