"""Where a request goes, and what happens on its way."""
