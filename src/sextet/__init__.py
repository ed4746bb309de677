"""Call control that runs as a cluster of up to six peers: one SIP registrar and proxy in several places.

Folders are layers, and imports point downwards only: model < call, engine, journal < cluster, sip, watch < admin
< web, console, lab < main.
"""

__version__ = "0.1.0"
