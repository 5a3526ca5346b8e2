"""A legacy node, played: what the other software on the network does, its traps included."""
