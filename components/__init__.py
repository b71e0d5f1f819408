"""One room a step, named as TFX and the article name it."""
