"""Does a configuration make sense as a whole? Everything that one setting alone cannot tell, a file for each topic.

Every rule yields all its problems; each names the setting by its path and says what to do. What the original answers
with an alarm stays possible: a peer list without this system (20015), no cluster name (20019), H.323 off (20018).
"""
