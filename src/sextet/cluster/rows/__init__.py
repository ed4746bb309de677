"""Live rows: registrations, calls, alarms and status, each with one owner, and what a peer knows of all of them.

No row holds a moment of the wall clock. Knows nothing of how rows travel.
"""
