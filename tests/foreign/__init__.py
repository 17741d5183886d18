"""Lightning projects that others' packages describe, run with and without one line of ours."""
