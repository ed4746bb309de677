"""Measures what sextet costs, always against something measured in the same run on the same machine.

Absolute figures of a shared machine say little; ratios to a baseline that ran a second earlier and a second later do.
Nothing here is part of the tests, and nothing here knows how sextet works inside: it uses the lab, the local sockets
of the peers, and SIP.
"""
