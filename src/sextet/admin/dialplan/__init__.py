"""Where calls go and what they may take: searches, zones, call policy, bandwidth, the calls themselves."""
