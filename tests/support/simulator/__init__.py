"""A whole cluster in one process, in virtual time, on a bad network, with administrators and clients: seeded.

Every peer is the real one (cluster/peer.py) on an event loop of its own making (loop.py); what is played is what lies
outside: sockets and nats-server (network.py, rows.py, wire.py), the disk (memory_store.py), engines, clocks, files of
certificates. What must never be broken is in checks.py; nothing else here may know the rules. People are in
operators.py, what goes wrong in troubles.py, and day.py puts a day together.
"""
