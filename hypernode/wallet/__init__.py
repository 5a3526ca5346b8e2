"""The node's key: its file, its seal, where its passphrase comes from, and locks against a second user."""
