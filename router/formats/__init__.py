"""Floor 1: wire formats, sans-I/O. Each format is a package; none knows another."""
