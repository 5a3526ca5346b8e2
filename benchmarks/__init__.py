"""What the node's work costs, measured beside what anybody can install (``make bench``, docs/benchmarks.rst).

Every figure stands beside a bound that was taken in the same run: libsecp256k1's bare verify loop, or plain
SQLite writing the same rows.  Machines differ and are shared; the ratio says what the code is worth.
"""
