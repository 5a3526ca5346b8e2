"""What we fetch: the better branch of a round, and all that we lack."""
