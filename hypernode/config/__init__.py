"""What an operator sets: the table of parameters, the configuration file, the command line, the known
networks."""
