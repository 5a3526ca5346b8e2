"""What we answer: a handler for each command, the status, the queries."""
