"""Tests of src/pellucid/api."""
