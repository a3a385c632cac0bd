"""Several small tasks learned together: the study, one training, the search, the proof for each task."""
