"""What a process needs of its machine: files that are written whole, console, signals, seeds.

Imports nothing of ours but ``errors``.
"""
