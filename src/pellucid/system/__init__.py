"""What a process needs of its machine: files that are written whole and read with suspicion."""
