"""The name that ``torchvision`` had, by which runs, checkpoints and subclasses of then know it."""

from pellucid.model.torchvision import TorchvisionClassifier as TorchvisionClassifier
