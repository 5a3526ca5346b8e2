"""What must hold in a simulation, whatever happens."""
