"""Messages from anybody, on their way into the mempool."""
