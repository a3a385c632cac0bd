"""Which spans of a source network are worth copying."""
