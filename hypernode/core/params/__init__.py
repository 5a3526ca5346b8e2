"""What the nodes of a network agree on: its parameters, the built-in networks, files of others, and
tunables."""
