"""What is on the disk as a whole: copies, backup and restore, a damaged database, recovery, the factory reset.

What is replaced is kept first. Nothing here decides what the configuration is.
"""
