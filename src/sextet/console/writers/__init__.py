"""What results look like in a terminal, a file for each topic: WRITERS names the function of each command.

Writers know the keys of results, not their meaning. A command without one is shown as a table of its keys.
"""
