"""Callbacks: when to look, and where it goes. They read, never change."""
