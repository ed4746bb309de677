"""The systems beside this cluster: where they are reached, and whether it is them."""
