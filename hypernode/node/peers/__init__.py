"""Whom we know: who they are, the connections to and from them, and questions to them."""
