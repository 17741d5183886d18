"""The names that are meant."""

from __future__ import annotations

import pytest

from pellucid.config.compose import compose, container
from pellucid.config.keys import keys_of
from pellucid.config.signature import read_signature
from pellucid.nearest import nearest_names, similarity
from tests.helpers import CONF


def options_of(target: str) -> list[str]:
    signature = read_signature(target)
    assert signature is not None
    return list(signature.annotations)


KEYS = list(keys_of(container(compose(CONF, "train", []))))
CHOICES = {
    "trainer": options_of("lightning.pytorch.Trainer"),
    "cnn": options_of("pellucid.model.cnn.CNN"),
    "adam": options_of("torch.optim.Adam"),
    "catdog": options_of("pellucid.data.catdog.CatDog"),
    "classification": options_of("pellucid.task.classification.Classification"),
    "keys": KEYS,
    **{
        group: [f.stem for f in sorted((CONF / group).glob("*.yaml"))]
        for group in ("model", "data", "callbacks")
    },
}
MEANT = {
    "trainer": """
        epochs max_epochs, epoch max_epochs, max_epoch max_epochs, maxepochs max_epochs, nepochs max_epochs,
        n_epochs max_epochs, num_epochs max_epochs, MaxEpochs max_epochs, mn_epochs min_epochs,
        minimum_epochs min_epochs, minepochs min_epochs, steps max_steps, max_step max_steps, time max_time,
        precison precision, limit_train limit_train_batches, limit_val_batch limit_val_batches,
        gradient_clip gradient_clip_val, clip_val gradient_clip_val, accumulate accumulate_grad_batches,
        log_steps log_every_n_steps, sanity_steps num_sanity_val_steps, dev devices, num_devices devices,
        fast_dev fast_dev_run, nodes num_nodes, deterministc deterministic, gpus -""",
    "cnn": """
        channel channels, chanels channels, hiden hidden, hidden_units hidden, drop dropout, drop_out dropout,
        dropout_rate dropout, classes num_classes, n_classes num_classes, nclasses num_classes,
        img_shape image_shape, class_weights -, width -, depth -, filters -""",
    "adam": """
        learning_rate lr, lrr lr, wd weight_decay, weightdecay weight_decay, weights_decay weight_decay,
        decay weight_decay, beta betas, epsilon eps, momentum -, dampening -""",
    "catdog": """
        batch batch_size, batchsize batch_size, bs batch_size, img_size image_size, imgsize image_size,
        augmentation augment, val_frac val_fraction, n_folds folds, dir -""",
    "classification": """
        class_weight class_weights, classweights class_weights, weights class_weights, gamma -,
        lable_smoothing label_smoothing, smoothing label_smoothing, loss_fn loss""",
    "keys": """
        lr optimizer.lr, learning_rate optimizer.lr, epochs trainer.max_epochs, dropout model.dropout,
        trainer.epochs trainer.max_epochs, class_weights task.class_weights, batchsize data.batch_size,
        optimiser.lr optimizer.lr, tariner.max_epochs trainer.max_epochs, sed seed, seeds seed,
        wieghts weights, keepevery keep_every,
        callbacks.embedings callbacks.embeddings, model.chanels model.channels""",
    "model": "cnnn cnn, xia xai, auto_encoder autoencoder, finetune resnet_finetune, vgg -, densenet -",
    "data": """
        cifar cifar10, cifar-10 cifar10, FashionMNIST fashion_mnist, mnist fashion_mnist, digit digits,
        imagefolder image_folder, folder image_folder, cat_dog catdog""",
    "callbacks": "featuremaps feature_maps, embeding embeddings, confusion_matrix confusion, saliency -",
}
TABLE = [
    (group, *pair.split()) for group, pairs in MEANT.items() for pair in pairs.replace("\n", " ").split(",")
]


@pytest.mark.parametrize(("group", "typed", "meant"), TABLE)
def test_what_is_meant(group: str, typed: str, meant: str) -> None:
    assert nearest_names(typed, CHOICES[group]) == ([] if meant == "-" else [meant])


def test_several_are_in_the_order_of_likelihood_and_then_of_the_choices() -> None:
    assert nearest_names("ab", ["xyz", "abd", "abc", "ab_"], limit=3) == ["ab_", "abd", "abc"]
    assert nearest_names("epochs", ["min_epochs", "max_epochs"], limit=2) == ["max_epochs"]
    assert nearest_names("epochs", ["min_epochs"]) == ["min_epochs"], "where there is no largest"


@pytest.mark.parametrize(
    ("one", "other", "letters", "words"),
    [
        ("abcd", "abdc", 3 / 4, 3 / 4),  # a swap is one step
        ("lr", "learning_rate", 2 / 12, 0.8),
        ("epochs", "max_epochs", 6 / 9, (1 + 6 / 9) / 2),
        ("a b", "c d", 0.0, 0.0),
        ("Größe", "große", 4 / 5, 4 / 5),
        ("-", "+", 0.0, 0.0),
        ("", "", 1.0, 0.0),
    ],
)
def test_similarities(one: str, other: str, letters: float, words: float) -> None:
    assert similarity(one, other) == pytest.approx((letters, words))
