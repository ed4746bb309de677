"""A whole cluster on one computer, with the standard ports on loopback addresses: to try, to show, to break, to test.

Invariant: what the lab starts, the lab ends. Knows peers only as processes with a bootstrap file and a local socket.
"""
