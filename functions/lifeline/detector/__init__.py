"""The detector: from the roster and its datapoints to gaps, causes and incidents."""
