"""Floor 4: pure decisions; health comes in as values."""
