"""A second version of the network's rules, slow and plain, written from the specification alone.

It imports nothing of the program but what the values look like, so that a slip in ``hypernode.core`` is not
repeated here: two that agree by chance would have to slip alike.  It is held against the vectors, against
``core`` for drawn inputs, and against what simulated networks did.  Nothing of the program may import it.
"""
