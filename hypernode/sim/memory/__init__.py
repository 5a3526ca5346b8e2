"""The ports in memory: virtual time, hosts, links and streams."""
