"""Connections: Tornado streams as one Transport, and the session of a peer over any Transport."""
