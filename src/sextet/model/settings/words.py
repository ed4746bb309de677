"""Words that several sections choose from."""

from __future__ import annotations

PATTERN_TYPES = ("Exact", "Prefix", "Suffix", "Regex")
STATES = ("Enabled", "Disabled")
TRANSPORTS = ("TLS", "TCP", "UDP")
AUTHENTICATION = ("Do not check credentials", "Check credentials", "Treat as authenticated")
