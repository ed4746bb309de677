"""All settings, a file for each part of the menu, in the words, ranges and defaults of the original.

One declaration a setting; `model/sections.py` gathers the sections into the whole configuration. Knows no rule
between two settings: those are in `model/validation/`.
"""
