"""Which functions a configuration may have called: the rule, and what an attacker would try."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from pellucid.config.build import SLOTS, build, locate, parameters_of, taken, without_start
from pellucid.config.functions import LIBRARIES, PLACES, is_builder, returns_other
from pellucid.errors import UserError
from tests.config import targets

OWN = "tests.config.targets"
SHAPE: dict[str, Any] = {"image_shape": (1, 8, 8), "num_classes": 10}
NAMED = ["tests", *LIBRARIES, "subprocess", "os"]  # as the careless name them


@pytest.fixture(autouse=True)
def called() -> Iterator[list[str]]:
    targets.called.clear()
    yield targets.called
    targets.called.clear()


def of(name: str, slot: str = "model", **options: Any) -> Any:
    return build({"_target_": f"{OWN}.{name}", **options}, slot, packages=["tests"], **SHAPE)


@pytest.mark.parametrize("packages", [[], NAMED], ids=["none named", "all named"])
@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize(
    "target",
    [
        "torch.hub.load",
        "torch.hub.load_state_dict_from_url",
        "torch.hub.download_url_to_file",
        "torch.load",
        "torch.save",
        "torch.serialization.load",
        "torch.serialization.os.system",
        "torch.jit.load",
        "torch.compile",
        "torch.package.package_importer.PackageImporter.load_pickle",
        "torch.utils.cpp_extension.load",
        "torch.utils.cpp_extension.load_inline",
        "torch.utils.model_zoo.load_url",
        "torch._dynamo.optimize",
        "torch._inductor.codecache.cpp_prefix",
        "torch.distributed.run.main",
        "torch.multiprocessing.spawn",
        "torch.nn.modules.module.register_module_forward_hook",
        "torch.nn.utils.parametrize.register_parametrization",
        "torch.optim.adam.adam",
        "torchvision.models.list_models",
        "torchvision.models.get_model_weights",
        "torchvision.models.get_model_builder",
        "torchvision.models._api.load_state_dict_from_url",
        "torchvision.models.resnet._resnet",
        "torchvision.models.detection.fasterrcnn_resnet50_fpn",
        "torchvision.models.quantization.resnet18",
        "torchvision.models.segmentation.fcn_resnet50",
        "torchvision.ops.nms",
        "torchvision.datasets.utils.download_url",
        "torchvision.datasets.utils.extract_archive",
        "torchvision.io.write_file",
        "torchmetrics.functional.accuracy",
        "lightning.pytorch.seed_everything",
        "lightning.pytorch.loggers.csv_logs.rank_zero_experiment",
        "lightning.pytorch.trainer.trainer.os.system",
        "lightning.fabric.utilities.cloud_io._load",
        "timm.list_models",
        "timm.models.load_checkpoint",
        "timm.models.load_model_config_from_hf",
        "timm.models.push_to_hf_hub",
        "timm.models._factory.load_checkpoint",
        "timm.models._helpers.clean_state_dict",
        "timm.data.create_dataset",
        "timm.utils.model_ema.deepcopy",
        "pellucid.system.files.write_atomically",
        "pellucid.model.state_file.load_weights",
        "optuna.load_study",
        "numpy.load",
        "PIL.Image.open",
        "os.system",
        "subprocess.run",
        "subprocess.Popen",
        f"{OWN}.system",
        f"{OWN}.run",
        f"{OWN}.load",
        f"{OWN}.partly",
        f"{OWN}.cached",
        f"{OWN}.Net.forward",
        f"{OWN}.torch.load",
    ],
)
def test_nothing_else_is_called(target: str, slot: str, packages: list[str]) -> None:
    with pytest.raises(UserError):
        locate(target, slot, packages)


@pytest.mark.parametrize("slot", SLOTS)
def test_a_function_of_a_named_package_stands_where_it_may(slot: str) -> None:
    with pytest.raises(UserError, match=r"packages=\[tests\]"):
        locate(f"{OWN}.gives_nothing", slot)
    if slot in PLACES:
        assert locate(f"{OWN}.gives_nothing", slot, ["tests"]) is targets.gives_nothing
    else:
        with pytest.raises(UserError, match="is a function, expected a class: a"):
            locate(f"{OWN}.gives_nothing", slot, ["tests"])


def test_a_net_is_built_with_what_the_function_takes() -> None:
    assert of("build_net", width=3)[0].out_channels == 3
    assert of("build_net", num_classes=4)[3].out_features == 4
    assert of("hands_on")[3].out_features == 10
    assert of("half")[0].out_channels == 4
    hands_on, whatever = (locate(f"{OWN}.{name}", "model", ["tests"]) for name in ("hands_on", "of_whatever"))
    assert list(parameters_of(hands_on)) == ["seed", "image_shape", "num_classes", "width"]
    assert list(parameters_of(whatever)) == ["block"]
    with pytest.raises(UserError, match=r"unexpected keyword argument 'wdth'.*takes: image_shape, num_cl"):
        of("build_net", wdth=3)


@pytest.mark.parametrize(
    ("name", "slot", "message"),
    [
        ("gives_nothing", "model", r"^model: .*gives_nothing returned None, expected an nn.Module"),
        ("gives_nothing", "data", "^data: .*returned None, expected a Dataset, a LightningDataModule or an"),
        ("later", "model", "returned a coroutine"),
        ("build_net", "callbacks", "returned a Net, expected a Callback"),
    ],
)
def test_what_came_is_named(name: str, slot: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        of(name, slot)


def test_what_is_neither_class_nor_function_is_told() -> None:
    with pytest.raises(UserError, match=r"partly is a partial, expected a class or a function, def partly"):
        locate(f"{OWN}.partly", "model", ["tests"])
    with pytest.raises(UserError, match=r"load is a function of torch.hub, which .* has only imported"):
        locate(f"{OWN}.load", "model", ["tests"])


def test_an_annotation_of_another_kind_is_believed(called: list[str]) -> None:
    for name, slot in (("gives_text", "model"), ("sgd", "model"), ("hands_on", "callbacks")):
        with pytest.raises(UserError, match=rf"{name} is annotated to return something else, so"):
            of(name, slot)
    assert called == []
    assert isinstance(of("of_unknown"), nn.Linear)


@pytest.mark.parametrize(
    ("annotation", "other"),
    [
        (nn.Module, False),
        (nn.Linear, False),
        (object, False),
        (Any, False),
        (nn.Linear | None, False),
        (None, True),
        (str | int, True),
        (tuple[nn.Module, int], True),
    ],
)
def test_annotations(annotation: Any, other: bool) -> None:
    def function() -> None: ...

    function.__annotations__ = {"return": annotation}
    assert returns_other(function, nn.Module) is other  # type: ignore[arg-type]


def test_the_other_places() -> None:
    weight = nn.Parameter(torch.zeros(1))
    make = of("sgd", "optimizer", _partial_=True, lr=0.5)
    optimizer = make([weight])
    assert optimizer.defaults["lr"] == 0.5
    scheduler = of("halve", "scheduler", _partial_=True)(optimizer)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.25
    with pytest.raises(UserError, match=r"^optimizer: .*returned a list, expected an Optimizer"):
        of("no_optimizer", "optimizer", _partial_=True)([weight])
    assert of("stop", "callbacks", monitor="val/accuracy").monitor == "val/accuracy"
    assert of("digits", "data", batch_size=7).batch_size == 7


def test_a_logger_gets_the_run_s_folder() -> None:
    node = {"_target_": f"{OWN}.csv"}
    logger = build(node, "logger", packages=["tests"], save_dir="run", image_shape=(1, 2, 2))
    assert logger.save_dir == "run"


def test_builders_of_torchvision() -> None:
    node = {"_target_": "torchvision.models.squeezenet1_1", "progress": False}
    assert build(node, "model", **SHAPE).num_classes == 10
    again = {"_target_": "torchvision.models.get_model", "name": "shufflenet_v2_x0_5"}
    assert build(again, "model", **SHAPE).fc.out_features == 10
    with pytest.raises(UserError, match=r"name=resnet19: torchvision has no such classifier.*'resnet18'"):
        build({**again, "name": "resnet19"}, "model")
    with pytest.raises(UserError, match=r"name=quantized_resnet18: torchvision has no such classifier"):
        build({**again, "name": "quantized_resnet18"}, "model")
    with pytest.raises(
        UserError, match=r"expected value 1000 but got 10.*resnet_finetune model.arch=resnet18"
    ):
        build({"_target_": "torchvision.models.resnet18", "weights": "DEFAULT"}, "model", **SHAPE)
    with pytest.raises(UserError, match=r"'net\.pt'\. Of a file: model=resnet_finetune model.arch=resnet18"):
        build({"_target_": "torchvision.models.resnet18", "weights": "net.pt"}, "model", **SHAPE)
    with pytest.raises(UserError, match=r"was not found: .*Did you mean 'resnet18'"):
        locate("torchvision.models.resnet19", "model")
    around = of("around", backbone={"_target_": "torchvision.models.squeezenet1_1"})
    assert isinstance(around[1], nn.Module)


def test_every_classifier_of_torchvision_is_one_and_takes_the_number_of_classes() -> None:
    from torchvision import models

    names = models.list_models(module=models)
    assert len(names) >= 80
    for name in names:
        function = getattr(models, name)
        assert is_builder(function), name
        assert taken(function, SHAPE) == {"num_classes": 10}, name
    assert not is_builder(models.list_models)


def test_builders_of_timm() -> None:
    timm = pytest.importorskip("timm")
    net = build({"_target_": "timm.create_model", "model_name": "resnet10t"}, "model", **SHAPE)
    assert (net.num_classes, net.conv1[0].in_channels) == (10, 1)
    assert locate("timm.models.resnet.resnet10t", "model") is timm.models.resnet10t
    for name in ("hf-hub:a/b", "local-dir:/a", "resnet10t.hf-hub:a/b", "resnet10t./a", "a/b", ""):
        with pytest.raises(UserError, match="timm has no such classifier"):
            build({"_target_": "timm.create_model", "model_name": name}, "model")
    for name in ("checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"):
        for target in ("timm.create_model", "timm.models.resnet10t"):
            node = {"_target_": target, name: "/a"}
            with pytest.raises(UserError, match=rf"{name} could have it read.*packages=\[timm\]"):
                build({**node, **({"model_name": "resnet10t"} if "create" in target else {})}, "model")
    overlaid = {"_target_": "timm.models.resnet10t", "pretrained_cfg_overlay": {"mean": [0.0] * 3}}
    assert build(overlaid, "model", packages=["timm"]).pretrained_cfg["mean"] == [0.0] * 3


def test_a_restored_net_fetches_nothing(called: list[str]) -> None:
    node = {"_target_": f"{OWN}.started", "weights": "a.pt", "pretrained": True}
    assert without_start(node, ["tests"]) == {**node, "weights": None, "pretrained": False}
    inner = {"_target_": "torchvision.models.resnet18", "weights": "DEFAULT"}
    outer = {"_target_": f"{OWN}.around", "backbone": inner, "more": [inner]}
    bare = {**inner, "weights": None}
    assert without_start(outer, ["tests"]) == {**outer, "backbone": bare, "more": [bare]}
    ours = {"_target_": "pellucid.model.torchvision.TorchvisionClassifier", "weights": "default"}
    assert without_start(ours) == {**ours, "weights": "none"}
    with pytest.raises(UserError, match="not allowed there"):
        without_start(node)
    assert called == []
