"""Spins on lattices: models, Monte Carlo, what is known exactly."""
