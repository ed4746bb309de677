"""What runs inside Kamailio's processes: a thin skin that turns requests into plain values and decisions into actions.

Invariant: no exception and no waiting leaves this folder; where nothing can be decided the sender gets a refusal.
It must not know sextetd: it reads a table, writes events, and serves one socket.
"""
