"""What an operator sets: the table of parameters, his file, the command line, the networks that there are."""
