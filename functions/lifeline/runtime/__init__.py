"""What every function runs in: settings, logger, stages of a run."""
