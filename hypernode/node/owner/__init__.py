"""The one task that decides, what it is made of, and the watches beside it."""
