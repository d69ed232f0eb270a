"""Floor 3: text in, `Snapshot` out."""
