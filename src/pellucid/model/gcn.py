"""Graph convolutional net over an image's patches.

Kipf and Welling, "Semi-supervised classification with graph convolutional networks", 2017. The image
becomes a grid of patches; each is a node, joined to itself and its eight neighbours. A node's features
are its pixels and its place in the grid, as mean read-out would otherwise forget where things are.

Shapes: B images, C channels, H × W pixels, N nodes, F features, D embedding, K classes.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional


class GraphConvolution(nn.Module):
    """A graph convolution, Â X W + b (Kipf and Welling 2017, equation 2, before the activation)."""

    def __init__(self, *, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, nodes_BNF: Tensor, adjacency_NN: Tensor) -> Tensor:
        mixed_BNF: Tensor = self.linear(adjacency_NN @ nodes_BNF)
        return mixed_BNF


class GCN(nn.Module):
    """A graph convolutional classifier: patches → convolutions with ReLU → mean over nodes → linear head."""

    adjacency_NN: Tensor
    places_N2: Tensor

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        grid: int = 8,
        channels: Sequence[int] = (64, 64, 64),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        depth, height, breadth = image_shape
        self.patch = ceil(max(height, breadth) / grid)
        rows, columns = ceil(height / self.patch), ceil(breadth / self.patch)
        self.padding = (0, columns * self.patch - breadth, 0, rows * self.patch - height)
        self.register_buffer("adjacency_NN", normalised_adjacency(rows, columns), persistent=False)
        self.register_buffer("places_N2", _places(rows, columns), persistent=False)
        widths = [depth * self.patch**2 + 2, *channels]
        self.convolutions = nn.ModuleList(GraphConvolution(inputs=a, outputs=b) for a, b in pairwise(widths))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(widths[-1], num_classes)

    def embed(self, images_BCHW: Tensor) -> Tensor:
        nodes_BNF = self.nodes(images_BCHW)
        for convolution in self.convolutions:
            nodes_BNF = convolution(nodes_BNF, self.adjacency_NN).relu()
        embedding_BD: Tensor = self.dropout(nodes_BNF.mean(dim=1))
        return embedding_BD

    def nodes(self, images_BCHW: Tensor) -> Tensor:
        """Each patch's pixels (zero-padded at the right and bottom edge) and its place in [-1, 1]²."""
        padded = functional.pad(images_BCHW, self.padding)
        pixels_BNF = functional.unfold(padded, self.patch, stride=self.patch).transpose(1, 2)
        positions = self.places_N2.to(pixels_BNF.dtype).expand(pixels_BNF.shape[0], -1, -1)
        return torch.cat([pixels_BNF, positions], dim=2)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.head(self.embed(images_BCHW))
        return logits_BK


def normalised_adjacency(rows: int, columns: int) -> Tensor:
    """D^-1/2 (A + I) D^-1/2 of the grid graph with eight neighbours, (N, N), nodes row by row."""
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    position_N2 = torch.stack([row.flatten(), column.flatten()], dim=1)
    apart_NN = (position_N2[:, None] - position_N2[None]).abs().amax(dim=2)
    joined_NN = (apart_NN <= 1).float()  # a node is 0 apart from itself: the self-loop
    scale_N = joined_NN.sum(dim=1).rsqrt()
    return scale_N[:, None] * joined_NN * scale_N[None]


def _places(rows: int, columns: int) -> Tensor:
    y, x = torch.meshgrid(torch.linspace(-1, 1, rows), torch.linspace(-1, 1, columns), indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)
