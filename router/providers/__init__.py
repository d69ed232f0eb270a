"""Floor 2: how services are addressed. Pure: no sockets."""
