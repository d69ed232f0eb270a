"""Floor 7: `open-llm-router …`, `smr-config …`."""
