"""Torch: networks, surgery between them, and the one training loop."""
