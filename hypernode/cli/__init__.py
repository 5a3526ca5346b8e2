"""One short module per command: tables for people, JSON for programs."""
