"""Peers and the cluster they make, as administrators see them and steer them."""
