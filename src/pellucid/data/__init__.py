"""Data: one LightningDataModule a data set, and the fast loaders under them.

A data module knows its ``spec`` as soon as it is made, before any image is read. Its batches are
``(images_BCHW, labels_B)``: float32 images normalised by the data set's statistics, int64 labels.

May import ``discovery``, ``inside``, ``spec`` and ``system``.
"""
