"""What every room of the node uses: the state of the moment, its ports, the log, JSON forms."""
