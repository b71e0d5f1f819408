"""Why the candidate chooses as it does: what each feature is worth, a tree that imitates it, users."""
