"""The local network: launcher of processes, and the companion that writes a PoW ledger."""
