"""pellucid: train any image model on any data set, and see inside it while it learns."""
