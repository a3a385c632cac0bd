"""How trainings are made and judged: ledgers, the race, Tune and its sampler, actors."""
