"""MLflow as a view of what runs recorded."""
