"""Nets: plain ``nn.Module``, one file each.

Every net takes ``image_shape`` (C, H, W) and ``num_classes`` and has

- ``forward(images_BCHW) -> logits_BK``: class scores before softmax;
- ``embed(images_BCHW) -> embedding_BD``: what the last linear layer sees.

A net of which the head alone is trained may offer ``FrozenFeatures``, which are then computed once.
The autoencoder has ``encode``, ``decode``, ``forward -> images_BCHW`` in [0, 1], ``embed = encode``.
Images come normalised by the data set's mean and standard deviation.

Imports nothing of ours but ``errors``, ``spec`` and ``system``.
"""
