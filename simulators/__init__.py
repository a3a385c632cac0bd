"""Physics: simulators, and the Arrow shards they are written to."""
