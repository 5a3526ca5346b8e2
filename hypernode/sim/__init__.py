"""Networks in memory: virtual time, a network with delays and faults, clusters of real nodes."""
