"""What we keep and offer until it is sealed: policy and pool, pure."""
