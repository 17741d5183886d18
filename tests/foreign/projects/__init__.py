"""One small program a project, as a user of that package would write it: its own classes, its own batches."""
