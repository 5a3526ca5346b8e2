"""The world in memory: virtual time, hosts, links and streams."""
