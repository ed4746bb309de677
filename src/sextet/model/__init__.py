"""What can be said: settings, validated configurations, live rows and alarms, as immutable values.

Standard library only; no clock, no chance, no sockets. Everything above imports from here; this folder knows nothing
above it.
"""
