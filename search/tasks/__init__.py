"""What can be learned: a task has data, networks, a loss and a metric, and knows what a page can show of it."""
