"""The Sun: what it looks like in several bands, and what the atmosphere of the Earth makes of that."""
