"""Kamailio as an engine: started, fed and watched here, while its workers ask `call/` where requests go.

Invariant: Kamailio keeps registering and routing with what it was last given, whatever becomes of this process, and
everything it reports is state, never a change. This folder must not know the cluster: it follows a `Wanted` and tells
its `Host`.
"""
