"""A small net of each family of timm: its name, options of its builder that make it narrower, image side."""

from __future__ import annotations

from typing import Any, NamedTuple


class Family(NamedTuple):
    arch: str
    options: dict[str, Any]
    side: int = 32  # pixels; the smallest that works where that is larger


NARROW = {"embed_dim": 48, "depth": 2, "num_heads": 3}
STAGED = {"embed_dim": 24, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 4, 8]}
FAMILIES = {
    "BEiT": Family("beit_base_patch16_224", NARROW),
    "BotNet": Family("eca_botnext26ts_256", {}, 64),
    "BYOBNet": Family("test_byobnet", {}),
    "CaiT": Family("cait_xxs24_224", NARROW),
    "CoAtNet": Family("test_coatnet", {}),
    "CoaT": Family("coat_tiny", {"serial_depths": [1, 1, 1, 1], "parallel_depth": 1}),
    "ConViT": Family("convit_tiny", {"depth": 3, "local_up_to_layer": 2}),
    "ConvMixer": Family("convmixer_768_32", {}),
    "ConvNeXt": Family("test_convnext", {}),
    "CrossViT": Family("crossvit_tiny_240", {}, 240),
    "CSPNet": Family("cs3darknet_s", {}),
    "CSPNeXt": Family("cspnext_tiny", {}),
    "DaViT": Family("davit_tiny", {}),
    "DeiT": Family("deit_tiny_patch16_224", {"depth": 2}),
    "DeiT distilled": Family("deit_tiny_distilled_patch16_224", {"depth": 2}),
    "DenseNet": Family("densenet121", {"block_config": [2, 2, 2, 2]}),
    "DLA": Family("dla46x_c", {}),
    "DPN": Family("dpn48b", {}),
    "EdgeNeXt": Family("edgenext_xx_small", {}),
    "EfficientFormer": Family("efficientformer_l1", {}, 224),
    "EfficientFormerV2": Family("efficientformerv2_s0", {}),
    "EfficientNet": Family("test_efficientnet", {}),
    "EfficientViT (MIT)": Family("efficientvit_b0", {}),
    "EfficientViT (MSRA)": Family("efficientvit_m0", {}),
    "EVA": Family("eva02_tiny_patch14_224", {"depth": 2}, 28),
    "FasterNet": Family("fasternet_t0", {}),
    "FastViT": Family("fastvit_t8", {}),
    "FocalNet": Family("focalnet_tiny_srf", {}),
    "GCViT": Family("gcvit_xxtiny", {}),
    "GhostNet": Family("ghostnet_050", {}),
    "gMLP": Family("gmlp_ti16_224", {}),
    "HardCoRe-NAS": Family("hardcorenas_b", {}),
    "HGNet": Family("hgnetv2_b0", {}),
    "Hiera": Family("hiera_tiny_224", {"embed_dim": 24}),
    "HRNet": Family("hrnet_w18_small", {}),
    "Inception-v3": Family("inception_v3", {}, 75),
    "InceptionNeXt": Family("inception_next_atto", {}),
    "LeViT": Family("levit_128s", {}),
    "MambaOut": Family("test_mambaout", {}),
    "MaxViT": Family("test_maxvit", {}),
    "MLP-Mixer": Family("mixer_s32_224", {}),
    "MobileNetV3": Family("mobilenetv3_small_050", {}),
    "MobileNetV4": Family("mobilenetv4_conv_small_050", {}),
    "MobileOne": Family("mobileone_s1", {}),
    "MobileViT": Family("mobilevit_xxs", {}),
    "MViTv2": Family("mvitv2_tiny", {}),
    "NFNet": Family("test_nfnet", {}),
    "PiT": Family("pit_ti_224", {"depth": [1, 1, 1]}),
    "PoolFormer": Family("poolformer_s12", {}),
    "PVT": Family("pvt_v2_b0", {}, 64),
    "RDNet": Family("rdnet_tiny", {}),
    "RegNet": Family("regnetx_002", {}),
    "RepGhost": Family("repghostnet_050", {}),
    "RepVGG": Family("repvgg_a0", {}),
    "RepViT": Family("repvit_m0_9", {}),
    "Res2Net": Family("res2net50_14w_8s", {"layers": [1, 1, 1, 1]}),
    "ResMLP": Family("resmlp_12_224", {}),
    "ResNeSt": Family("resnest14d", {}),
    "ResNet": Family("test_resnet", {}),
    "ResNetV2": Family("resnetv2_18", {"channels": [32, 64, 64, 128]}),
    "ResNeXt": Family("resnext26ts", {}),
    "ReXNet": Family("rexnet_100", {}),
    "Sequencer": Family("sequencer2d_s", {"layers": [1, 1, 1, 1]}),
    "SENet": Family("legacy_seresnet18", {}),
    "SKNet": Family("skresnet18", {}),
    "StarNet": Family("starnet_s050", {}),
    "SwiftFormer": Family("swiftformer_xs", {}),
    "Swin": Family("swin_tiny_patch4_window7_224", STAGED),
    "Swin V2": Family("swinv2_tiny_window8_256", STAGED),
    "TinyViT": Family("tiny_vit_5m_224", {"depths": [1, 1, 1, 1]}),
    "TNT": Family("tnt_s_legacy_patch16_224", {"depth": 2}),
    "Twins": Family("twins_svt_small", {"depths": [1, 1, 1, 1]}),
    "VGG": Family("vgg11", {"mlp_ratio": 0.02}),
    "ViT": Family("test_vit", {}),
    "ViT hybrid": Family("vit_tiny_r_s16_p8_224", {"depth": 2}),
    "ViT SAM": Family("samvit_base_patch16", NARROW | {"global_attn_indexes": [1]}, 64),
    "VOLO": Family("volo_d1_224", {}),
    "VoVNet": Family("ese_vovnet19b_slim_dw", {}),
    "Xception": Family("legacy_xception", {}),
    "XCiT": Family("xcit_nano_12_p8_224", {"depth": 2}),
}  # fmt: skip
QUICK = ("ConvNeXt", "EfficientNet", "MaxViT", "NFNet", "ResNet", "Swin", "ViT")  # a second each at most
# Of which the stem stays on small images: two keep their pixels, the others are built in one piece.
STANDARD = {"DLA", "VGG", "CoaT", "gMLP", "MLP-Mixer", "PiT", "ResMLP", "TNT", "Twins"}
ASKED = {  # the well-known ones
    "ResNet", "ResNeXt", "RegNet", "EfficientNet", "MobileNetV3", "MobileNetV4", "ConvNeXt", "ViT",
    "DeiT", "Swin", "MaxViT", "CoAtNet", "MLP-Mixer", "gMLP", "ViT hybrid", "PVT", "PoolFormer", "EdgeNeXt",
    "FastViT", "GhostNet", "RepVGG", "HRNet", "DenseNet", "VGG", "DPN", "Inception-v3", "Xception", "NFNet",
    "VOLO", "CaiT", "BEiT", "EVA", "XCiT", "LeViT", "TinyViT", "TNT", "CrossViT",
}  # fmt: skip
