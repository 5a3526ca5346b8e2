"""The rules of the network: pure functions over frozen data.  No clock, disk, log or chance in here."""
