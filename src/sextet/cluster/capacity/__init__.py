"""What the cluster carries against what it may carry: use of each peer, the pool of licences, and the alarms of both.

Counts and judges only; who is admitted is decided in `call/`. Knows no engine.
"""
