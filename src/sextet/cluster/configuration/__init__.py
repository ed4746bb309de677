"""The configuration: decided by the primary, kept as whole revisions on every peer, applied, told, and never lost.

Every stamp has one content, and the highest stamp is the truth. What is kept is encrypted with the system key.
"""
