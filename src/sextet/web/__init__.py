"""The pages: HTTPS, log-in, server-rendered HTML, one stream of live fragments, forms made from the schema.

Invariant: every page works without JavaScript; nothing is decided here, every change goes through `admin.door`.
Knows nothing of NATS, Kamailio or SQLite.
"""
