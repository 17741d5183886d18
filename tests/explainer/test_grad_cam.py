"""Grad-CAM: numbers worked out by hand, Captum's own, and which layer it takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from captum import attr
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import ConvNeXt, SwinTransformer, VisionTransformer
from torchvision.models.convnext import CNBlockConfig

from pellucid.errors import UserError
from pellucid.explainer.grad_cam import NO_MAPS, GradCAM, last_layer_with_maps
from pellucid.inside.embedding import embedding
from pellucid.inside.predictor import Predictor
from pellucid.inside.trace import traced
from pellucid.inside.units import find_units
from pellucid.model.cnn import CNN
from pellucid.model.dnn import DNN
from pellucid.model.gcn import GCN
from pellucid.spec import Spec
from pellucid.view.feature_maps import mapped_layers
from tests.explainer.nets import small_cnn, small_resnet, small_xai


def doubled(weight_K8: list[list[float]], *before: nn.Module) -> nn.Sequential:
    """A convolution whose two maps are the image and its double, then a linear layer over 2 × 2 pixels."""
    convolution = nn.Conv2d(1, 2, 1, bias=False)
    convolution.weight = nn.Parameter(torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1))
    head = nn.Linear(8, len(weight_K8))
    head.weight = nn.Parameter(torch.tensor(weight_K8))
    return nn.Sequential(*before, convolution, nn.Flatten(), head)


# The first class wants the first map's left upper pixel (mean gradient 4 / 4 = 1) and has
# -1 everywhere on the second (mean -1): 1 × image - 1 × twice the image = -image, below 0.
# The second class has the signs turned: + image.
WEIGHTS = [[4.0, 0, 0, 0, -1, -1, -1, -1], [-4.0, 0, 0, 0, 1, 1, 1, 1]]
IMAGE = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])


def test_by_hand() -> None:
    net = doubled(WEIGHTS)
    images = IMAGE.repeat(2, 1, 1, 1)
    found = GradCAM(layer="auto").explain(net, images, torch.tensor([0, 1]), torch.zeros(1, 2, 2))
    assert found.maps_BHW.tolist() == [[[0, 0], [0, 0]], [[1, 2], [3, 4]]]
    assert found.notes == ("", "")


def test_a_small_map_is_enlarged_bilinearly() -> None:
    # 4 × 4 pixels pooled to [[1, 2], [3, 4]]. The middles of the new pixels lie at -1/4, 1/4, 3/4 and 5/4
    # of the old ones' distance: 1, 3/4 × 1 + 1/4 × 2, 1/4 × 1 + 3/4 × 2 and 2 in the first row.
    net = doubled(WEIGHTS, nn.MaxPool2d(2))
    image = IMAGE.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    found = GradCAM(layer="auto").explain(net, image, torch.tensor([1]), torch.zeros(1, 4, 4))
    row = torch.tensor([1, 1.25, 1.75, 2])
    expected = torch.stack([row, row + 0.5, row + 1.5, row + 2])
    assert torch.allclose(found.maps_BHW[0], expected)


def test_what_is_below_zero_is_cut_before_enlarging() -> None:
    # Maps of the second class: [[-1, 1], [-1, 1]]. Cut first: 0 1/4 3/4 1; cut last: 0 0 1/2 1.
    net = doubled(WEIGHTS, nn.MaxPool2d(2))
    image = torch.tensor([-1.0, -1, 1, 1]).expand(1, 1, 4, 4)
    found = GradCAM(layer="auto").explain(net, image, torch.tensor([1]), torch.zeros(1, 4, 4))
    assert torch.allclose(found.maps_BHW[0], torch.tensor([0, 0.25, 0.75, 1]).expand(4, 4))


def seeded_cnn() -> CNN:
    torch.manual_seed(0)
    return small_cnn()


@pytest.mark.parametrize(("layer", "taken"), [("auto", "features.7"), ("features.1", "features.1")])
def test_the_same_as_captum(layer: str, taken: str) -> None:
    net = seeded_cnn()
    images, target = torch.randn(3, 3, 16, 16), torch.tensor([0, 3, 1])
    maps = GradCAM(layer=layer).explain(net.train(), images, target, torch.zeros(3, 16, 16)).maps_BHW
    cam = attr.LayerGradCam(net.eval(), net.get_submodule(taken))
    small = cam.attribute(images, target, relu_attributions=True)
    expected = functional.interpolate(small, (16, 16), mode="bilinear")[:, 0].detach()
    assert torch.allclose(maps, expected, atol=1e-5)
    assert expected.max() > 1e-3


def test_the_layer_that_is_taken() -> None:
    image = torch.randn(1, 3, 34, 34)
    cnn = small_cnn(34).eval()
    assert last_layer_with_maps(cnn, image) == "features", "a block counts as its last layer"
    xai = small_xai(3, 4).eval()
    name = last_layer_with_maps(xai, image)
    assert name == "features.50", "the last pool leaves one pixel, so it is the ReLU before it"
    assert isinstance(xai.get_submodule(name), nn.ReLU)
    resnet = small_resnet(64).eval()
    assert last_layer_with_maps(resnet, torch.randn(1, 3, 64, 64)) == "backbone.layer4"
    assert last_layer_with_maps(resnet, torch.randn(1, 3, 32, 32)) == "backbone.layer3"
    assert not any(m._forward_hooks for net in (cnn, xai, resnet) for m in net.modules())


class Twice(nn.Module):
    """Runs its last convolution twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 2, 3, padding=1)
        self.again = nn.Conv2d(2, 2, 3, padding=1)
        self.head = nn.Linear(2, 3)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        maps = self.again(self.again(self.first(images_BCHW)))
        logits_BK: Tensor = self.head(maps.mean(dim=(2, 3)))
        return logits_BK


def test_a_layer_that_runs_twice_is_not_taken_unless_named() -> None:
    torch.manual_seed(0)
    net, images = Twice(), torch.randn(1, 1, 4, 4)
    assert last_layer_with_maps(net, images) == "first"
    target, black = torch.tensor([1]), torch.zeros(1, 4, 4)
    maps = GradCAM(layer="again").explain(net, images, target, black).maps_BHW
    with torch.no_grad():
        last = net.again(net.again(net.first(images)))
    weight = net.head.weight.detach()[1] / 16  # the mean over 16 pixels, then the head
    assert torch.allclose(maps, (last * weight[:, None, None]).sum(dim=1).relu(), atol=1e-6)


class ChannelsLast(nn.Module):
    """A convolution, then its maps with the channels behind, as Swin has them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 6, 2, stride=2)
        self.norm = nn.LayerNorm(6)
        self.head = nn.Linear(6, 3)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.head(self.norm(self.first(images_BCHW).permute(0, 2, 3, 1)).mean(dim=(1, 2)))
        return logits_BK


class Attention(nn.Module):
    """As a ViT: patches are tokens, and a layer of the attention gives (images, heads, tokens, numbers)."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.qkv, self.k_norm = nn.Conv2d(1, 8, 2, 2), nn.Linear(8, 24), nn.Identity()
        self.head = nn.Linear(8, 3)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        tokens = self.patch(images_BCHW).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens).unflatten(2, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, self.k_norm(k), v)
        logits_BK: Tensor = self.head(mixed.transpose(1, 2).flatten(2).mean(dim=1))
        return logits_BK


def vit() -> VisionTransformer:
    return VisionTransformer(8, 2, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16, num_classes=3)


def swin() -> SwinTransformer:
    return SwinTransformer([2, 2], 8, depths=[1, 1], num_heads=[2, 2], window_size=[2, 2], num_classes=3)


def convnext() -> ConvNeXt:
    return ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], num_classes=3)


@pytest.mark.parametrize(
    ("make", "shape", "layer"),
    [
        (ChannelsLast, (1, 8, 8), None),
        (Attention, (1, 8, 8), None),
        (vit, (3, 8, 8), None),
        (swin, (3, 8, 8), "permute"),  # its last layer: from channels behind to maps
        (convnext, (3, 32, 32), "features"),  # in whose blocks linear layers have the channels behind
    ],
)
def test_maps_are_what_the_scores_are_read_from(
    make: Callable[[], nn.Module], shape: tuple[int, int, int], layer: str | None
) -> None:
    net, images = make(), torch.randn(2, *shape)
    assert last_layer_with_maps(net.eval(), images) == layer
    assert GradCAM(layer="auto").reason(net, images) == (NO_MAPS if layer is None else None)
    if layer is not None:
        found = GradCAM(layer="auto").explain(net, images, torch.tensor([0, 1]), images[0] * 0)
        assert found.title == f"Grad-CAM at {layer}", "a picture says what it is of"


def test_four_axes_are_no_maps() -> None:
    images = torch.randn(1, 1, 8, 8)
    spec = Spec((1, 8, 8), ("a", "b", "c"), (0.0,), (1.0,), "none")
    predictor = Predictor(Attention(), spec, torch.device("cpu"), lambda *_: {})
    with pytest.raises(UserError, match=r"Attention gives a tensor of shape \(1, 2, 16, 4\), which are none"):
        GradCAM(layer="k_norm").reason(Attention(), images)
    assert GradCAM(layer="patch").reason(Attention(), images) is None, "who names it wants it"
    with pytest.raises(UserError, match=r"layers: k_norm gives \(1, 2, 16, 4\). Expected maps"):
        mapped_layers(predictor, ["k_norm"])
    trace = traced(Attention(), torch.randn(2, 1, 8, 8))
    with pytest.raises(UserError, match="which has no units that can be told"):
        find_units(trace, Attention(), "k_norm", batch=2)
    assert embedding(Attention(), "k_norm", images).shape == (1, 2 * 16 * 4), "nothing to average over"


class Densely(nn.Module):
    """As DenseNet ends: batch norm, then a ReLU outside of any layer, in place or not."""

    def __init__(self, *, inplace: bool) -> None:
        super().__init__()
        self.inplace = inplace
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
        self.head = nn.Linear(4, 3)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        maps = functional.relu(self.features(images_BCHW), inplace=self.inplace)
        logits_BK: Tensor = self.head(maps.mean(dim=(2, 3)))
        return logits_BK


class Residual(nn.Module):
    """As ResNet's blocks: batch norm, a ReLU layer used twice, and a sum written into the maps."""

    def __init__(self, *, inplace: bool) -> None:
        super().__init__()
        self.inplace = inplace
        self.first = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
        self.second = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4))
        self.relu = nn.ReLU(inplace=inplace)
        self.head = nn.Linear(4, 3)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        before = self.relu(self.first(images_BCHW))
        maps = self.second(before)
        if self.inplace:
            maps += before
        else:
            maps = maps + before
        logits_BK: Tensor = self.head(self.relu(maps).mean(dim=(2, 3)))
        return logits_BK


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(
    ("kind", "layer", "taken"),
    [
        (Densely, "auto", "features"),
        (Densely, "features.1", "features.1"),
        (Residual, "auto", "second"),
        (Residual, "first", "first"),
        (Residual, "first.1", "first.1"),
        (Residual, "relu", "relu"),
    ],
)
def test_a_relu_in_place_behind_the_layer_changes_nothing(
    kind: type[Densely] | type[Residual], layer: str, taken: str, frozen: bool
) -> None:
    torch.manual_seed(0)
    inplace, separate = kind(inplace=True), kind(inplace=False)
    separate.load_state_dict(inplace.state_dict())
    for net in (inplace, separate):
        net.requires_grad_(not frozen)
    images, target, black = torch.randn(2, 1, 8, 8), torch.tensor([0, 2]), torch.zeros(1, 8, 8)
    maps = GradCAM(layer=layer).explain(inplace, images, target, black).maps_BHW
    assert torch.equal(maps, GradCAM(layer=layer).explain(separate, images, target, black).maps_BHW)

    # The same by autograd alone, from the separate net's own maps.
    kept: list[Tensor] = []
    separate.eval().requires_grad_(True)
    handle = separate.get_submodule(taken).register_forward_hook(lambda m, i, o: kept.append(o))
    scores = separate(images).gather(1, target[:, None]).sum()
    handle.remove()
    gradient = torch.autograd.grad(scores, kept[-1])[0]
    small = (gradient.mean(dim=(2, 3), keepdim=True) * kept[-1]).sum(dim=1, keepdim=True).relu()
    expected = functional.interpolate(small, (8, 8), mode="bilinear")[:, 0]
    assert torch.allclose(maps, expected.detach(), atol=1e-6)
    assert maps.max() > 0
    if taken != "relu":
        assert (kept[-1] < 0).any(), "the maps before the ReLU"


@pytest.mark.parametrize(
    "net",
    [
        DNN(image_shape=(1, 8, 8), num_classes=3, hidden=[8], dropout=0.25),
        GCN(image_shape=(1, 8, 8), num_classes=3, grid=4, channels=[8], dropout=0.0),
    ],
    ids=["dnn", "gcn"],
)
def test_nets_without_maps(net: nn.Module) -> None:
    images = torch.randn(2, 1, 8, 8)
    net.train()
    assert GradCAM(layer="auto").reason(net, images) == NO_MAPS
    assert GradCAM(layer="auto").reason(seeded_cnn(), torch.randn(2, 3, 16, 16)) is None
    with pytest.raises(UserError, match=f"cannot explain {type(net).__name__}: {NO_MAPS}"):
        GradCAM(layer="auto").explain(net, images, torch.tensor([0, 1]), torch.zeros(1, 8, 8))
    assert all(module.training for module in net.modules())


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("feature.1", "CNN has no layer named 'feature.1'. Did you mean features.1"),
        ("", "CNN has no layer named ''"),
        ("head", r"gives a tensor of shape \(1, 4\)"),
    ],
)
def test_layers_that_do_not_do(layer: str, message: str) -> None:
    net = seeded_cnn().train()
    explainer = GradCAM(layer=layer)
    with pytest.raises(UserError, match=message):  # a mistake is told before training, not passed over
        explainer.reason(net, torch.randn(1, 3, 16, 16))
    with pytest.raises(UserError, match=message):
        explainer.explain(net, torch.randn(2, 3, 16, 16), torch.tensor([0, 1]), torch.zeros(3, 16, 16))
    assert all(module.training for module in net.modules())
    assert not any(module._forward_hooks for module in net.modules())
