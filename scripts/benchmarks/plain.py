"""Training as anyone would write it, without this package: what it is compared with.

``python scripts/benchmarks/plain.py <folder of Fashion-MNIST> <epochs>`` trains the fully connected net.

Shapes: B images, C channels, H × W pixels.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from pellucid.spec import EVALUATION_CROP

Loss = Callable[[Tensor, Tensor], Tensor]
Pair = tuple[Tensor, int]


class ArrayImages(Dataset[Pair]):
    """Images in memory, each made a PIL image and transformed, as torchvision's data sets do it."""

    def __init__(self, images: Tensor, labels: Tensor, transform: Callable[[Any], Tensor]) -> None:
        self.images, self.labels, self.transform = images.numpy(), labels, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Pair:
        pixels = self.images[index]
        image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
        return self.transform(image), int(self.labels[index])


class PhotoFiles(Dataset[Pair]):
    """Photos in files, each opened and transformed, as ``ImageFolder`` does it."""

    def __init__(
        self, files: Sequence[Path], labels: Sequence[int], transform: Callable[[Any], Tensor]
    ) -> None:
        self.files, self.labels, self.transform = files, labels, transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Pair:
        with Image.open(self.files[index]) as image:
            return self.transform(image.convert("RGB")), self.labels[index]


def of_arrays(mean: Sequence[float], std: Sequence[float]) -> Any:
    """The usual transform of small images."""
    return transforms.Compose([transforms.ToTensor(), transforms.Normalize(mean, std)])


def of_photos(mean: Sequence[float], std: Sequence[float], size: int, *, augmented: bool) -> Any:
    """The usual transform of photos."""
    shape = (
        [transforms.RandomResizedCrop(size), transforms.RandomHorizontalFlip()]
        if augmented
        else [transforms.Resize(round(size / EVALUATION_CROP)), transforms.CenterCrop(size)]
    )
    return transforms.Compose([*shape, transforms.ToTensor(), transforms.Normalize(mean, std)])


def batches(data: Dataset[Pair], batch_size: int) -> DataLoader[Any]:
    return DataLoader(data, batch_size=batch_size, shuffle=True)


def train_epoch(
    net: nn.Module, loader: Iterable[Any], optimizer: torch.optim.Optimizer, loss: Loss, device: torch.device
) -> float:
    """One epoch with the two figures that everyone prints; its seconds."""
    start = time.perf_counter()
    net.train()
    total = right = 0.0
    for images_BCHW, labels_B in loader:
        images_BCHW, labels_B = images_BCHW.to(device), labels_B.to(device)
        optimizer.zero_grad()
        output = net(images_BCHW)
        value = loss(output, labels_B if output.ndim == 2 else images_BCHW)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += value.item() * len(labels_B)
        if output.ndim == 2:
            right += (output.argmax(dim=1) == labels_B).sum().item()
    return time.perf_counter() - start


def train_epoch_in_memory(
    net: nn.Module,
    images_NCHW: Tensor,
    labels_N: Tensor,
    indices: Sequence[Tensor],
    optimizer: torch.optim.Optimizer,
    loss: Loss,
) -> float:
    """The limit: nothing but slices of normalised tensors and arithmetic; its seconds."""
    start = time.perf_counter()
    net.train()
    for index_B in indices:
        images_BCHW = images_NCHW[index_B]
        optimizer.zero_grad()
        output = net(images_BCHW)
        value = loss(output, labels_N[index_B] if output.ndim == 2 else images_BCHW)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    if labels_N.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def dnn() -> nn.Module:
    """The net of ``model=dnn``."""
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.25)),
        *(nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)),
    )


def main(root: str, epochs: str) -> None:
    """The whole script: read, train, test."""
    import gzip

    import numpy as np

    def read(name: str, start: int) -> Any:
        packed = Path(root, f"{name}.gz")
        with gzip.open(packed) if packed.is_file() else Path(root, name).open("rb") as file:
            return np.frombuffer(file.read(), np.uint8, offset=start).copy()

    transform = of_arrays([0.2860], [0.3530])
    images, labels = {}, {}
    for name, prefix in (("train", "train"), ("test", "t10k")):
        images[name] = torch.from_numpy(read(f"{prefix}-images-idx3-ubyte", 16)).view(-1, 1, 28, 28)
        labels[name] = torch.from_numpy(read(f"{prefix}-labels-idx1-ubyte", 8)).long()
    net = dnn()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    count = len(images["train"]) * 9 // 10
    train = ArrayImages(images["train"][:count], labels["train"][:count], transform)
    val = ArrayImages(images["train"][count:], labels["train"][count:], transform)
    test = ArrayImages(images["test"], labels["test"], transform)
    for epoch in range(int(epochs)):
        train_epoch(net, batches(train, 100), optimizer, nn.CrossEntropyLoss(), torch.device("cpu"))
        print(f"epoch {epoch + 1}: accuracy {_accuracy(net, val):.4f}")
    print(f"test: accuracy {_accuracy(net, test):.4f}")


@torch.no_grad()
def _accuracy(net: nn.Module, data: Dataset[Pair]) -> float:
    net.eval()
    right = count = 0
    for images_BCHW, labels_B in DataLoader(data, batch_size=100):
        right += int((net(images_BCHW).argmax(dim=1) == labels_B).sum())
        count += len(labels_B)
    return right / count


if __name__ == "__main__":
    main(*sys.argv[1:])
