"""Floor 0: what we mean, whatever the wire says. Frozen values only."""
