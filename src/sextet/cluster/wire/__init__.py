"""How rows travel: the front on 4372, the proof of the cluster key, a link to each peer, and mirrors of their rows.

Nothing is believed before the proof; every link that is down has a reason. Knows no setting and no row by its meaning.
"""
