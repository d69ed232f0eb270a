"""Floor 5: who is calling."""
