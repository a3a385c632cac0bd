"""How trainings are made and judged: searches, the race, Tune and its sampler, actors."""
