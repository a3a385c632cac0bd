"""Architectures: ordered blocks, the head included."""
