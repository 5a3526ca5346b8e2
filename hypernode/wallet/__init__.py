"""The node's key: its file, its encryption, where its passphrase comes from, and locks against a second
process."""
