"""Data sets: Arrow shards in folders and stores, and files that users bring."""
