"""What follows from a configuration: who may register, and where a call goes; the same answers on every peer.

Pure and standard library only, because the same code runs inside Kamailio's workers. Time, chance and who is registered
are arguments; nothing here knows sockets, engines or the cluster.
"""
