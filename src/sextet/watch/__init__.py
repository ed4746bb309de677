"""Seeing it work: what happened, written where administrators look; later captures, ladders and metrics.

Nothing here decides anything, and nothing that fails here stops a call or a change of the configuration.
"""
