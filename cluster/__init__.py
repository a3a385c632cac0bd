"""Where a search runs: connecting to Ray, and what must hold before it starts."""
