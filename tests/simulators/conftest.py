"""Puts this folder on the path: `scenarios` is shared by the tests below it."""
