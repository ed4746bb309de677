"""The one door for administrators: who may do what, the commands there are, what pages and command line show.

Invariant: every change passes `door`, is allowed, typed, stored whole or refused whole, and audited. Knows nothing of
HTTP or terminals.
"""
