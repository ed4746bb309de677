"""Peers of one mind: links between peers, the configuration's history, who owns which row, and what all that means as a state.

Invariant: every row has one writer, every stamp one content; nothing acknowledged is lost. Knows nothing of SIP or H.323.
"""
