"""What a cluster requires of its peers: measured, judged, and which ports it needs.

Judges and measures only; changes nothing.
"""
