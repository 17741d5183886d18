"""Which image is in which batch, and what is done to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.nn import functional

from pellucid.data.augment.operation import Operation
from pellucid.data.augment.options import PRESETS, RANGES
from pellucid.data.augment.pipeline import Pipeline, find_augment
from pellucid.data.images import Split
from pellucid.data.loader import BatchLoader, Order, balanced_order, fair_order
from pellucid.engine.build import make_data
from pellucid.spec import Spec, prepare
from tests.fakes import write_photos
from tests.helpers import compose

CPU = torch.device("cpu")
SPEC = Spec(image_shape=(1, 4, 4), classes=("a", "b"), mean=(0.5,), std=(0.25,), statistics="made up")
COUNTS = (1, 2, 3, 5, 7, 8, 9, 16, 17, 31, 64)


@dataclass(frozen=True, kw_only=True)
class Noisy(Operation):
    """An augmentation that shows its number."""

    name = "flip"
    commutes = True
    numbers = 1

    def __call__(self, images_BCHW: Tensor, numbers_BR: Tensor, fill: Tensor | float = 0.0) -> Tensor:
        return numbers_BR[:, :1, None, None].expand_as(images_BCHW)


NONE, noisy = Pipeline(), Pipeline.of([Noisy()])


def order(count: int, batch_size: int, *, world_size: int = 1, **given: Any) -> Order:
    return Order(
        **{
            "count": count,
            "batch_size": batch_size,
            "shuffle": True,
            "seed": 0,
            "rank": 0,
            "world_size": world_size,
            **given,
        }
    )


def ranks(count: int, batch_size: int, world_size: int, **given: Any) -> list[list[list[int]]]:
    """Each rank's batches."""
    return [
        [b.tolist() for b in order(count, batch_size, world_size=world_size, rank=rank, **given)]
        for rank in range(world_size)
    ]


def loader(count: int, batch_size: int, augment: Pipeline = NONE, **given: Any) -> BatchLoader:
    """A loader of ``count`` random images whose labels are their numbers."""
    random = torch.Generator().manual_seed(0)
    store = torch.randint(0, 256, (count, 1, 4, 4), dtype=torch.uint8, generator=random)
    split = Split.whole(store, torch.arange(count), [str(i) for i in range(count)])
    sampler = order(count, batch_size, **given)
    return BatchLoader(
        split=split, spec=SPEC, order=sampler, augment=augment, device=CPU, augmentations=0, features=None
    )


def by_label(batches: BatchLoader) -> Tensor:
    """What the loader gives for each image, in the images' order."""
    images, labels = zip(*batches, strict=True)
    return torch.cat(images)[torch.cat(labels).argsort()]


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 8, 100])
def test_an_epoch_holds_every_image_once_over_all_ranks(
    batch_size: int, world_size: int, shuffle: bool
) -> None:
    for count in COUNTS:
        batches = ranks(count, batch_size, world_size, shuffle=shuffle)
        seen = [i for rank in batches for batch in rank for i in batch]
        assert sorted(seen) == list(range(count)), count


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("world_size", [2, 3, 4])
def test_every_rank_has_as_many_batches_as_it_says(world_size: int, shuffle: bool) -> None:
    for count in COUNTS:
        for batch_size in (1, 2, 3, 8):
            lengths = {len(rank) for rank in ranks(count, batch_size, world_size, shuffle=shuffle)}
            assert lengths == {len(order(count, batch_size, world_size=world_size, shuffle=shuffle))}


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_no_training_batch_of_a_rank_is_smaller_than_two_images(world_size: int) -> None:
    for count in COUNTS:
        if count < 2 * world_size:
            continue
        for batch_size in (2, 3, 4, 8):
            for rank in ranks(count, batch_size, world_size):
                assert min(len(batch) for batch in rank) >= 2, (count, batch_size)


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_no_rank_has_an_empty_batch_in_validation(world_size: int) -> None:
    for count in COUNTS:
        if count < world_size:
            continue
        for rank in ranks(count, 2, world_size, shuffle=False):
            assert min(len(batch) for batch in rank) >= 1, count


@pytest.mark.parametrize(
    ("count", "world_size", "shuffle", "sizes"),
    [
        (8, 1, True, [[4, 4]]),
        (9, 1, True, [[4, 5]]),  # the single image is joined
        (9, 1, False, [[4, 4, 1]]),
        (10, 1, True, [[4, 4, 2]]),
        (3, 1, True, [[3]]),
        (1, 1, True, [[1]]),
        (11, 2, True, [[6], [5]]),  # three are left over: fewer than two a rank
        (12, 2, True, [[4, 2], [4, 2]]),
        (9, 2, False, [[5], [4]]),  # one is left over: none for the second rank
        (10, 2, False, [[4, 1], [4, 1]]),
    ],
)
def test_sizes_of_batches_of_four(count: int, world_size: int, shuffle: bool, sizes: list[list[int]]) -> None:
    batches = ranks(count, 4, world_size, shuffle=shuffle)
    assert [[len(batch) for batch in rank] for rank in batches] == sizes


def test_without_shuffling_the_order_is_that_of_the_files() -> None:
    assert ranks(5, 2, 1, shuffle=False) == [[[0, 1], [2, 3], [4]]]
    assert ranks(8, 2, 2, shuffle=False) == [[[0, 2], [4, 6]], [[1, 3], [5, 7]]]


@pytest.mark.parametrize("counts", [[30] * 10, [100, 10, 1], [7, 0, 13, 29]])
def test_every_beginning_of_the_fair_order_has_the_classes_in_proportion(counts: list[int]) -> None:
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    shares = torch.tensor(counts) / sum(counts)
    order = fair_order(labels, seed=0)
    assert sorted(order.tolist()) == list(range(len(labels)))
    for length in range(1, len(labels) + 1):
        found = torch.bincount(labels[order[:length]], minlength=len(counts))
        assert (found - length * shares).abs().max() < 1.5
    assert torch.equal(order, fair_order(labels, seed=0))
    assert not torch.equal(order, fair_order(labels, seed=1))


def test_a_limited_pass_sees_every_class(tmp_path: Path) -> None:
    """The files of the split are sorted by class; a pass that is limited is not that of the first classes."""
    write_photos(tmp_path / "photos", {f"class_{number}": 40 for number in range(10)})
    config = compose("data=image_folder", f"data.root={tmp_path / 'photos'}", "data.image_size=8")
    config["data"] |= {"cache": str(tmp_path / "cache"), "batch_size": 10, "val_fraction": 0.25}
    data = make_data(config)
    data.setup()
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    limits: list[tuple[dict[str, Any], str, int]] = [
        ({"limit_val_batches": 2}, "val", 2),
        ({"limit_val_batches": 0.2}, "val", 2),
        ({"limit_test_batches": 3}, "test", 3),
        ({"overfit_batches": 2}, "train", 2),
        ({}, "val", 10),
        ({"limit_val_batches": 10}, "val", 10),
    ]
    for given, name, batches in limits:
        trainer = Trainer(accelerator="cpu", **quiet, **given)
        dataloader = data.loader(name, shuffle=name == "train", trainer=trainer)
        orders = []
        for epoch in (0, 1):
            dataloader.sampler.set_epoch(epoch)
            orders.append(torch.cat(list(dataloader.sampler)))
        counts = torch.bincount(data.splits[name].labels_N[orders[0]][: 10 * batches], minlength=10)
        assert (counts - batches).abs().max() <= 1, (given, counts)
        assert torch.equal(*orders), "the same in each epoch"
        if batches == 10:
            assert orders[0].tolist() == list(range(100)), "a whole pass is in the order of the files"


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    def at(seed: int, epoch: int) -> list[int]:
        one = order(50, 50, seed=seed)
        one.set_epoch(epoch)
        (batch,) = one
        return batch.tolist()

    assert at(0, 3) == at(0, 3)
    assert len({tuple(at(seed, epoch)) for seed in (0, 1) for epoch in range(4)}) == 8


def test_an_epoch_repeats_until_the_next_is_set() -> None:
    one = order(20, 3)
    assert [b.tolist() for b in one] == [b.tolist() for b in one]


def test_a_resumed_run_meets_the_images_that_an_uninterrupted_one_meets() -> None:
    whole = loader(30, 4, noisy)
    for epoch in range(3):
        whole.sampler.set_epoch(epoch)
        straight = list(whole)
    resumed = loader(30, 4, noisy)
    resumed.sampler.set_epoch(2)
    for (images, labels), (others, other_labels) in zip(resumed, straight, strict=True):
        assert torch.equal(images, others)
        assert torch.equal(labels, other_labels)


def test_a_look_in_between_shifts_no_draw() -> None:
    def epoch(look: bool) -> list[int]:
        labels = []
        one = loader(20, 3, noisy)
        for _, labels_B in one:
            labels += labels_B.tolist()
            if look:
                list(loader(20, 5, noisy))
                torch.rand(3)
        return labels

    assert epoch(look=True) == epoch(look=False)


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    list(loader(20, 3, noisy))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("given", [{"batch_size": 7}, {"batch_size": 20}, {"batch_size": 1}])
def test_an_images_numbers_do_not_depend_on_the_batch_size(given: dict[str, int]) -> None:
    assert torch.equal(by_label(loader(20, augment=noisy, **given)), by_label(loader(20, 3, noisy)))


def test_an_images_numbers_do_not_depend_on_the_number_of_ranks() -> None:
    alone = by_label(loader(20, 4, noisy))
    for rank in (0, 1):
        for images, labels in loader(20, 4, noisy, world_size=2, rank=rank):
            assert torch.equal(images, alone[labels])


def test_images_and_epochs_have_numbers_of_their_own() -> None:
    batches = loader(20, 4, noisy)
    first = by_label(batches)[:, 0, 0, 0]
    batches.sampler.set_epoch(1)
    second = by_label(batches)[:, 0, 0, 0]
    assert len({*first.tolist(), *second.tolist()}) == 40


def test_a_batch_is_the_splits_images_normalised_with_their_labels() -> None:
    batches = loader(10, 4)
    for images, labels in batches:
        assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
        pixels = batches.split.store[labels].float()
        torch.testing.assert_close(images, (pixels / 255 - 0.5) / 0.25)


@pytest.mark.parametrize("size", [2, 7, 16])
def test_resizing_is_torchs_antialiased_interpolation(size: int) -> None:
    pixels = loader(3, 3).split.images()
    resized = functional.interpolate(
        pixels.float(), size=(size, size), mode="bilinear", antialias=True, align_corners=False
    )
    expected = (resized / 255 - 0.5) / 0.25
    torch.testing.assert_close(prepare(pixels, SPEC.at_size(size)), expected)


def test_a_shrunken_checkerboard_is_grey() -> None:
    board = ((torch.arange(8).view(-1, 1) + torch.arange(8)) % 2 * 255).to(torch.uint8)
    out = prepare(board.view(1, 1, 8, 8), SPEC.at_size(2))
    torch.testing.assert_close(out, torch.zeros(1, 1, 2, 2), atol=0.1, rtol=0)


def test_preparing_leaves_the_store_as_it_was() -> None:
    pixels = torch.full((1, 1, 4, 4), 9, dtype=torch.uint8)
    prepare(pixels, SPEC)
    assert torch.equal(pixels, torch.full((1, 1, 4, 4), 9, dtype=torch.uint8))


@pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.:FutureWarning")  # Lightning's own
def test_lightning_sets_the_epoch() -> None:
    class Listener(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Linear(16, 1)
            self.seen: list[list[int]] = []

        def on_train_epoch_start(self) -> None:
            self.seen.append([])

        def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
            images, labels = batch
            self.seen[-1] += labels.tolist()
            loss: Tensor = self.net(images.flatten(1)).mean()
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    task = Listener()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=3,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(task, loader(10, 4))
    expected = []
    for epoch in range(3):
        one = order(10, 10)
        one.set_epoch(epoch)
        expected += [b.tolist() for b in one]
    assert task.seen == expected


@pytest.mark.parametrize("name", [*PRESETS, *RANGES])
def test_everything_happens_on_the_loaders_device(name: str) -> None:
    batches = loader(10, 4, find_augment(name))
    batches.device = torch.device("meta")  # a device that every machine has
    for images, labels in batches:
        assert images.device == labels.device == batches.device


@pytest.mark.parametrize("weighted", [False, True])
def test_weights_come_third_where_they_are_asked_for(weighted: bool) -> None:
    batches = loader(6, 3)
    split = replace(batches.split, weights_N=torch.arange(6.0), targets_NK=torch.arange(6.0).unsqueeze(1))
    order_ = order(6, 3)
    given = {"spec": batches.spec, "augment": NONE, "augmentations": 0, "features": None}
    loaded = BatchLoader(split=split, order=order_, device=batches.device, weighted=weighted, **given)  # type: ignore[arg-type]
    for images_BCHW, targets_BK, *weights in loaded:
        assert targets_BK.shape == (len(images_BCHW), 1)
        assert [w.tolist() for w in weights] == ([targets_BK[:, 0].tolist()] if weighted else [])


@pytest.mark.parametrize("counts", [[30, 3], [100, 10, 1], [7, 0, 13, 29], [5, 5], [1, 1, 50, 1]])
def test_a_balanced_epoch_has_each_class_as_often(counts: list[int]) -> None:
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    shuffled = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))]
    orders = [balanced_order(shuffled, 0, epoch) for epoch in range(3)]
    present = [label for label, count in enumerate(counts) if count]
    for drawn in orders:
        assert len(drawn) == len(labels), "the epoch is as long"
        of_class = torch.bincount(shuffled[drawn], minlength=len(counts))[present]
        assert int(of_class.max() - of_class.min()) <= 1
        times = torch.bincount(drawn, minlength=len(labels))
        for label in present:
            of_images = times[shuffled == label]
            assert int(of_images.max() - of_images.min()) <= 1, "each image as often as others of its class"
    assert torch.equal(orders[0], balanced_order(shuffled, 0, 0))
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0], balanced_order(shuffled, 1, 0))


def test_who_has_one_more_changes_from_epoch_to_epoch() -> None:
    labels = torch.tensor([0] * 4 + [1] * 3)
    more = {int(torch.bincount(labels[balanced_order(labels, 0, epoch)]).argmax()) for epoch in range(9)}
    assert more == {0, 1}


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_share_one_balanced_epoch(world_size: int) -> None:
    labels = torch.tensor([0] * 20 + [1] * 3)
    shared = ranks(23, 4, world_size, strata_N=labels)
    drawn = [index for rank in shared for batch in rank for index in batch]
    assert sorted(drawn) == sorted(balanced_order(labels, 0, 0).tolist())
    assert not order(23, 4, shuffle=False, strata_N=labels).comes_again, "validation stays as it is"


def test_an_image_that_comes_again_is_augmented_in_another_way() -> None:
    given: dict[str, Any] = {"strata_N": torch.tensor([0] * 19 + [1])}
    batches = loader(20, 4, noisy, **given)
    images, labels = zip(*batches, strict=True)
    rare = torch.cat(images)[torch.cat(labels) == 19][:, 0, 0, 0]
    assert len(rare) == 10
    assert len({*rare.tolist()}) == 10
    again = torch.cat([images for images, _ in loader(20, 4, noisy, **given)])
    assert torch.equal(again, torch.cat(images)), "and the same in the same epoch"
    halves = [
        {int(label): image for images, labels in part for image, label in zip(images[:, 0, 0, 0], labels)}  # noqa: B905
        for part in (loader(20, 4, noisy, world_size=2, rank=rank, **given) for rank in (0, 1))
    ]
    everything = {float(value) for value in torch.cat(images)[:, 0, 0, 0]}
    assert {float(value) for half in halves for value in half.values()} <= everything, (
        "for any number of ranks"
    )


@pytest.mark.parametrize("strata", [False, True])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_repeats_give_each_image_of_a_batch_several_draws(world_size: int, strata: bool) -> None:
    labels = torch.tensor([0] * 16 + [1] * 8)
    given: dict[str, Any] = {"repeats": 3, "strata_N": labels if strata else None}
    shared = ranks(24, 6, world_size, **given)
    together = [sorted(i for rank in shared for i in rank[batch]) for batch in range(len(shared[0]))]
    assert sum(map(len, together)) == 24, "the epoch is as long"
    for batch in together:
        assert set(torch.bincount(torch.tensor(batch)).tolist()) <= {0, 3}, "each (image, repeat) in one rank"
    if strata:
        drawn = labels[[i for batch in together for i in batch]]
        assert torch.bincount(drawn).tolist() == [12, 12]
    assert not order(24, 6, shuffle=False, **given).comes_again, "validation stays as it is"
    assert [i for batch in order(24, 6, shuffle=False, **given) for i in batch.tolist()] == list(range(24))


def test_each_repeat_is_augmented_in_another_way() -> None:
    images, labels = zip(*loader(20, 6, noisy, repeats=3), strict=True)
    values, labels_N = torch.cat(images)[:, 0, 0, 0], torch.cat(labels)
    assert len(torch.unique(values)) == 20
    assert len(torch.unique(labels_N)) == 7
    both = [
        (int(label), float(value))
        for rank in (0, 1)
        for images_BCHW, labels_B in loader(20, 3, noisy, repeats=3, world_size=2, rank=rank)
        for label, value in zip(labels_B, images_BCHW[:, 0, 0, 0], strict=True)
    ]
    assert sorted(both) == sorted(zip(labels_N.tolist(), values.tolist(), strict=True)), "for any ranks"
