"""The pages by group: each file holds what its pages show and what can be done on them.

Invariant: a page reads through `admin`'s views and changes through `admin.door`; it decides nothing itself.
"""
