"""Training of the judge behind ``model: auto``; outside the floors, needs NumPy (`train` extra)."""
