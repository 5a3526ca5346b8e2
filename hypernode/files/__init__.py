"""Files on disk that are ours alone, and texts that people wrote."""
