"""What the node needs from outside, as protocols: the daemon and the simulation each bring their own.

A module a subject, and no names here: who uses a port imports the narrow one.  Waiting is asyncio's own: in a
simulation the loop runs on virtual time, so ``asyncio.sleep`` and ``asyncio.timeout`` do too.
"""
