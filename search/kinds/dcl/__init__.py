"""Distribution-consistent learning: the study, one pipeline, the search, the proof."""
