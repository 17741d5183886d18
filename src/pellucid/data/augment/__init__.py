"""Augmentation of whole batches on the device: operations, and pipelines of them by name and by list.

Importing ``options`` brings no torch. May import ``errors`` and ``system``.
"""
