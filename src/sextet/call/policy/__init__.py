"""Call Policy and User Policy: what is to be done with a call before it is searched (facts 7.6, 7.7).

Pure: a document is read once, and asked with plain facts about the call. Knows no dial plan; new aliases are searched
by who asked.
"""
