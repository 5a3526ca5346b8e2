"""The program, over ports: eight rooms by subject."""
