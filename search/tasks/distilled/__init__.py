"""Energies learned from watched states: a sequence model watches, an extensive network learns what it knows."""
