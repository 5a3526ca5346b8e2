"""What the node owes the network: blocks, tests, reports, and never a second signature."""
