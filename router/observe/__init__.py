"""Floor 5: what is written down."""
