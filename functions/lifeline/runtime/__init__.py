"""What every function runs in: settings, logger, metrics, stages of a run."""
