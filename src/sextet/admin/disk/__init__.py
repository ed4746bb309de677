"""What a peer keeps, and the version it runs: backed up, restored, looked at, replaced."""
