"""What each recommender is worth, and whether to keep it: the look behind `newsletter-bandit arms`."""
