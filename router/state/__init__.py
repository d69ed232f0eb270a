"""Floor 3: what outlives a request."""
