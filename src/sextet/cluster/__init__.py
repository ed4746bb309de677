"""Peers of one mind: links between peers, the configuration's history, who owns which row, and what it all means.

Invariant: every row has one writer, every stamp one content; nothing acknowledged is lost. Knows nothing of SIP.
"""
