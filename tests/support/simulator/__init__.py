"""A whole cluster's logic in one process, in virtual time, on a bad network, with operators and clients: seeded.

Everything that decides is the real code; only sockets, disks, engines and clocks are played. What must never be broken
is in checks.py; nothing else here may know the rules.
"""
