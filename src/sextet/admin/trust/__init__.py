"""Certificates as administrators handle them."""
