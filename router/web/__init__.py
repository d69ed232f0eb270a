"""Floor 6: Flask blueprints, thin."""
