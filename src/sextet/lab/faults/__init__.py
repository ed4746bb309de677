"""Real faults on a lab of three peers, each with the alarms that it raises and what mends it."""
