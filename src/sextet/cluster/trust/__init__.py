"""Certificates: what they say, whose names they hold, what was revoked, and where this peer keeps its own.

Knows files and dates; knows no peers and no sockets.
"""
