"""Floor 5: the only calls to providers."""
