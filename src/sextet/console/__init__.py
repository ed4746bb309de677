"""The command line: a local socket that runs the commands of `admin`, and the client that types and shows them.

Invariant: the client decides nothing and knows no settings; it sends a command and shows the answer.
"""
