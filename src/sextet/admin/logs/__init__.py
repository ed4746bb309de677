"""Logs and diagnostic logging, as administrators read and steer them."""
