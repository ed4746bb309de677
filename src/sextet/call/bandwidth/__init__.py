"""How much may a call use, and on which way: links, limits, downspeeding and what peers leave for each other.

Pure and standard library only, as all of `call/`. What is used at the moment is an argument.
"""
