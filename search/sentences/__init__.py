"""The verdict of each kind of study in words that a physicist understands."""
