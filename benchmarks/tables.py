"""The layers that are timed: real networks first, then the corners of the definition.

One row is one layer with its source. Adding a row is all that is needed to have it timed,
checked and reported. Nothing in tconv may know these names.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import partial

from benchmarks.layers import Layer

_DCGAN = "Radford et al. 2015, as in pytorch/examples (64 filters), batch 16"
_PIX2PIX = "Isola et al. 2017, U-Net generator's decoder, 512x512 image"
_UNET = "Ronneberger et al. 2015, 572x572 image"
_FCN = "Long et al. 2015, PASCAL VOC, 500x500 image"
_POSE = "Xiao et al. 2018 (SimpleBaseline), ResNet-50, 256x192 image"
_FSRCNN = "Dong et al. 2016, to a 960x540 image"
_JOHNSON = "Johnson et al. 2016, 256x256 image"
_NNUNET = "Isensee et al. 2021, 3d_fullres, 96x96x96 patch"
_GAN3D = "Wu et al. 2016 (3D-GAN)"
_HIFIGAN = "Kong et al. 2020, V1, 200 mel frames"
_DEMUCS = "Defossez et al. 2019, ten seconds at 44.1 kHz"

_TRANSPOSED = (
    Layer("dcgan.1", (16, 100, 1, 1), 512, 4, bias=False, source=_DCGAN),
    Layer("dcgan.2", (16, 512, 4, 4), 256, 4, 2, 1, bias=False, quick=True, source=_DCGAN),
    Layer("dcgan.3", (16, 256, 8, 8), 128, 4, 2, 1, bias=False, source=_DCGAN),
    Layer("dcgan.4", (16, 128, 16, 16), 64, 4, 2, 1, bias=False, quick=True, source=_DCGAN),
    Layer("dcgan.5", (16, 64, 32, 32), 3, 4, 2, 1, bias=False, quick=True, source=_DCGAN),
    Layer("pix2pix.1", (1, 512, 2, 2), 512, 4, 2, 1, source=_PIX2PIX),
    Layer("pix2pix.2", (1, 1024, 4, 4), 512, 4, 2, 1, source=_PIX2PIX),
    Layer("pix2pix.3", (1, 1024, 8, 8), 512, 4, 2, 1, source=_PIX2PIX),
    Layer("pix2pix.4", (1, 1024, 16, 16), 512, 4, 2, 1, source=_PIX2PIX),
    Layer("pix2pix.5", (1, 1024, 32, 32), 256, 4, 2, 1, source=_PIX2PIX),
    Layer("pix2pix.6", (1, 512, 64, 64), 128, 4, 2, 1, quick=True, source=_PIX2PIX),
    Layer("pix2pix.7", (1, 256, 128, 128), 64, 4, 2, 1, source=_PIX2PIX),
    Layer("pix2pix.8", (1, 128, 256, 256), 3, 4, 2, 1, source=_PIX2PIX),
    Layer("unet.up1", (1, 1024, 28, 28), 512, 2, 2, quick=True, source=_UNET),
    Layer("unet.up2", (1, 512, 52, 52), 256, 2, 2, source=_UNET),
    Layer("unet.up3", (1, 256, 100, 100), 128, 2, 2, source=_UNET),
    Layer("unet.up4", (1, 128, 196, 196), 64, 2, 2, quick=True, source=_UNET),
    Layer("fcn8s.up2", (1, 21, 16, 16), 21, 4, 2, bias=False, source=_FCN),
    Layer("fcn8s.up4", (1, 21, 34, 34), 21, 4, 2, bias=False, source=_FCN),
    Layer("fcn8s.up8", (1, 21, 70, 70), 21, 16, 8, bias=False, quick=True, source=_FCN),
    Layer("fcn8s.depthwise", (1, 21, 70, 70), 21, 16, 8, groups=21, bias=False, quick=True,
          source=_FCN + ", one bilinear kernel for each class"),
    Layer("fcn32s", (1, 21, 16, 16), 21, 64, 32, bias=False, quick=True, source=_FCN),
    Layer("pose.1", (1, 2048, 8, 6), 256, 4, 2, 1, quick=True, source=_POSE),
    Layer("pose.2", (1, 256, 16, 12), 256, 4, 2, 1, source=_POSE),
    Layer("pose.3", (1, 256, 32, 24), 256, 4, 2, 1, quick=True, source=_POSE),
    Layer("maskrcnn", (32, 256, 14, 14), 256, 2, 2, quick=True, source="He et al. 2017, 32 regions"),
    Layer("fsrcnn.x2", (1, 56, 270, 480), 1, 9, 2, 4, 1, source=_FSRCNN),
    Layer("fsrcnn.x3", (1, 56, 180, 320), 1, 9, 3, 4, 2, quick=True, source=_FSRCNN),
    Layer("fsrcnn.x4", (1, 56, 135, 240), 1, 9, 4, 4, 3, source=_FSRCNN),
    Layer("johnson.1", (1, 128, 64, 64), 64, 3, 2, 1, 1, source=_JOHNSON),
    Layer("johnson.2", (1, 64, 128, 128), 32, 3, 2, 1, 1, source=_JOHNSON),
    Layer("k3s1", (1, 256, 56, 56), 256, 3, 1, 1, quick=True, source="Noh et al. 2015 (DeconvNet), deconv3"),
    Layer("nnunet3d.0", (1, 320, 3, 3, 3), 320, 2, 2, source=_NNUNET),
    Layer("nnunet3d.1", (1, 320, 6, 6, 6), 256, 2, 2, source=_NNUNET),
    Layer("nnunet3d.2", (1, 256, 12, 12, 12), 128, 2, 2, source=_NNUNET),
    Layer("nnunet3d.3", (1, 128, 24, 24, 24), 64, 2, 2, source=_NNUNET),
    Layer("nnunet3d.4", (1, 64, 48, 48, 48), 32, 2, 2, quick=True, source=_NNUNET),
    Layer("gan3d.1", (1, 512, 4, 4, 4), 256, 4, 2, 1, source=_GAN3D),
    Layer("gan3d.2", (1, 256, 8, 8, 8), 128, 4, 2, 1, quick=True, source=_GAN3D),
    Layer("gan3d.3", (1, 128, 16, 16, 16), 64, 4, 2, 1, source=_GAN3D),
    Layer("gan3d.4", (1, 64, 32, 32, 32), 1, 4, 2, 1, quick=True, source=_GAN3D),
    Layer("hifigan.1", (1, 512, 200), 256, 16, 8, 4, quick=True, source=_HIFIGAN),
    Layer("hifigan.2", (1, 256, 1600), 128, 16, 8, 4, source=_HIFIGAN),
    Layer("hifigan.3", (1, 128, 12800), 64, 4, 2, 1, quick=True, source=_HIFIGAN),
    Layer("hifigan.4", (1, 64, 25600), 32, 4, 2, 1, source=_HIFIGAN),
    Layer("demucs", (1, 512, 1722), 256, 8, 4, quick=True, source=_DEMUCS + ", third decoder layer"),
    Layer("demucs.last", (1, 64, 110250), 8, 8, 4, source=_DEMUCS + ", last decoder layer"),
    Layer("istft", (1, 1026, 400), 1, 1024, 256, bias=False, quick=True,
          source="inverse STFT as one layer: 513 complex bins, frame 1024, hop 256"),
    Layer("single2d", (1, 1, 1024, 1024), 1, 5, 2, 2, 1, bias=False, quick=True,
          source="pyramid expansion of one megapixel (Burt and Adelson 1983)"),
    Layer("single3d", (1, 1, 96, 96, 96), 1, 4, 2, 1, bias=False, quick=True,
          source="prolongation of a 3-D grid"),
    Layer("centernet", (1, 64, 64, 64), 64, 4, 2, 1, groups=64, bias=False,
          source="Zhou et al. 2019, DLA-34, one bilinear kernel for each channel"),
    Layer("grouped", (8, 256, 28, 28), 256, 4, 2, 1, groups=32, source="ResNeXt-like decoder, 32 groups"),
    Layer("k1", (1, 256, 56, 56), 64, 1, source="gradient of ResNet-50's 1x1 convolution"),
    Layer("k1s2", (1, 512, 28, 28), 256, 1, 2, 0, 1, bias=False,
          source="gradient of ResNet-50's shortcut: kernel smaller than stride"),
    Layer("k31", (1, 16, 128, 128), 16, 31, 1, 15,
          source="gradient of a kernel as large as RepLKNet's (Ding et al. 2022)"),
    Layer("k15cube", (1, 4, 40, 40, 40), 4, 15, 1, 7, source="smoothing of a volume by a 3-D kernel"),
    Layer("dilated", (1, 64, 64, 64), 64, 3, 1, 2, dilation=2, source="gradient of a dilated convolution"),
    Layer("dilated.s2", (1, 64, 64, 64), 64, 3, 2, 2, 1, dilation=2,
          source="stride and dilation share a factor: three quarters of the outputs are bias"),
    Layer("dilated.s3d2", (1, 64, 64, 64), 64, 3, 3, 1, dilation=2, source="stride 3, dilation 2"),
    Layer("tiny", (1, 1, 2, 2), 1, 2, 2, source="the document's size: what one call costs"),
    Layer("lightfield4d", (1, 16, 5, 5, 32, 32), 16, (3, 3, 4, 4), (1, 1, 2, 2), 1,
          source="light field of 5x5 views, views kept, pixels doubled"),
    Layer("grid5d", (1, 8, 6, 6, 6, 6, 6), 8, 3, 2, 1, 1, source="prolongation of a 5-D grid, 8 channels"),
)  # fmt: skip

_RESNET = "He et al. 2016 (ResNet-50 as in torchvision), 224x224 image"
_NNUNET_ENCODER = "Isensee et al. 2021, 3d_fullres encoder, 96x96x96 patch"
_WAV2VEC = "Baevski et al. 2020 (wav2vec 2.0), two seconds at 16 kHz"

_Conv = partial(Layer, operation="conv")

_ORDINARY = (
    _Conv("resnet50.conv1", (1, 3, 224, 224), 64, 7, 2, 3, quick=True, source=_RESNET),
    _Conv("resnet50.2a", (1, 256, 56, 56), 64, 1, source=_RESNET),
    _Conv("resnet50.2b", (1, 64, 56, 56), 64, 3, 1, 1, quick=True, source=_RESNET),
    _Conv("resnet50.2c", (1, 64, 56, 56), 256, 1, quick=True, source=_RESNET),
    _Conv("resnet50.3b.s2", (1, 128, 56, 56), 128, 3, 2, 1, quick=True, source=_RESNET),
    _Conv("resnet50.3.down", (1, 256, 56, 56), 512, 1, 2, source=_RESNET),
    _Conv("resnet50.3b", (1, 128, 28, 28), 128, 3, 1, 1, source=_RESNET),
    _Conv("resnet50.4b", (1, 256, 14, 14), 256, 3, 1, 1, quick=True, source=_RESNET),
    _Conv("resnet50.4c", (1, 256, 14, 14), 1024, 1, source=_RESNET),
    _Conv("resnet50.5b", (1, 512, 7, 7), 512, 3, 1, 1, source=_RESNET),
    _Conv("resnet50.5c", (1, 512, 7, 7), 2048, 1, source=_RESNET),
    _Conv("unet.down1a", (1, 1, 572, 572), 64, 3, quick=True, source=_UNET),
    _Conv("unet.down1b", (1, 64, 570, 570), 64, 3, source=_UNET),
    _Conv("unet.down2b", (1, 128, 282, 282), 128, 3, source=_UNET),
    _Conv("unet.down3b", (1, 256, 138, 138), 256, 3, source=_UNET),
    _Conv("unet.down4b", (1, 512, 66, 66), 512, 3, quick=True, source=_UNET),
    _Conv("unet.bottom", (1, 1024, 30, 30), 1024, 3, source=_UNET),
    _Conv("pix2pix.down2", (1, 64, 256, 256), 128, 4, 2, 1, source="Isola et al. 2017, encoder, 512x512 image"),
    _Conv("resnext50.3b", (1, 256, 28, 28), 256, 3, 1, 1, groups=32, source="Xie et al. 2017, 32 groups"),
    _Conv("mobilenet2", (1, 144, 56, 56), 144, 3, 1, 1, groups=144, quick=True, source="Sandler et al. 2018"),
    _Conv("mobilenet2.s2", (1, 144, 56, 56), 144, 3, 2, 1, groups=144, source="Sandler et al. 2018"),
    _Conv("convnext", (1, 96, 56, 56), 96, 7, 1, 3, groups=96, source="Liu et al. 2022 (ConvNeXt-T)"),
    _Conv("vit.patches", (1, 3, 224, 224), 768, 16, 16, quick=True, source="Dosovitskiy et al. 2021 (ViT-B/16)"),
    _Conv("deeplab3", (1, 2048, 33, 33), 256, 3, 1, 12, dilation=12, source="Chen et al. 2017, rate 12"),
    _Conv("pyramid2d", (1, 1, 1024, 1024), 1, 5, 2, 2, bias=False, quick=True,
          source="pyramid reduction of one megapixel (Burt and Adelson 1983)"),
    _Conv("nnunet3d.first", (1, 1, 96, 96, 96), 32, 3, 1, 1, quick=True, source=_NNUNET_ENCODER),
    _Conv("nnunet3d.down1", (1, 32, 96, 96, 96), 64, 3, 2, 1, source=_NNUNET_ENCODER),
    _Conv("nnunet3d.stage2", (1, 128, 24, 24, 24), 128, 3, 1, 1, quick=True, source=_NNUNET_ENCODER),
    _Conv("nnunet3d.stage4", (1, 320, 6, 6, 6), 320, 3, 1, 1, source=_NNUNET_ENCODER),
    _Conv("c3d.2a", (1, 64, 16, 56, 56), 128, 3, 1, 1, source="Tran et al. 2015 (C3D), 16 frames"),
    _Conv("restrict3d", (1, 1, 192, 192, 192), 1, 4, 2, 1, bias=False, source="restriction of a 3-D grid"),
    _Conv("wav2vec.0", (1, 1, 32000), 512, 10, 5, bias=False, source=_WAV2VEC),
    _Conv("wav2vec.1", (1, 512, 6399), 512, 3, 2, bias=False, quick=True, source=_WAV2VEC),
    _Conv("hifigan.mrf", (1, 128, 12800), 128, 7, 1, 9, dilation=3, quick=True, source=_HIFIGAN),
    _Conv("demucs.encoder2", (1, 64, 110250), 128, 8, 4, source=_DEMUCS + ", second encoder layer"),
    _Conv("stft", (1, 1, 102400), 1026, 1024, 256, bias=False,
          source="STFT as one layer: 513 complex bins, frame 1024, hop 256"),
    _Conv("tiny.conv", (1, 1, 4, 4), 1, 2, 2, source="what one call costs"),
    _Conv("lightfield4d.conv", (1, 16, 5, 5, 32, 32), 16, 3, 1, 1, source="light field of 5x5 views"),
    _Conv("grid5d.conv", (1, 8, 12, 12, 12, 12, 12), 8, 3, 2, 1, source="restriction of a 5-D grid, 8 channels"),
)  # fmt: skip

LAYERS: tuple[Layer, ...] = (*_TRANSPOSED, *_ORDINARY)

_SIDES = {"1e4": 9, "1e5": 28, "1e6": 88, "1e7": 280, "1e8": 884, "1e9": 2795}

# From ten thousand outputs to a thousand million: only the image grows.
GROWTH = tuple(
    Layer(outputs, (1, 32, side, side), 32, 4, 2, 1, quick=side < 300, source=f"about {outputs} outputs")
    for outputs, side in _SIDES.items()
)


def select(patterns: Sequence[str] | None = None, quick: bool = False, table: Sequence[Layer] = LAYERS) -> list[Layer]:
    """Rows whose name matches one of ``patterns`` as a shell would; without any, the quick ones or all.

    Raises
    ------
    ValueError
        A pattern matches no row.

    Examples
    --------
    >>> [layer.name for layer in select(["unet.up*"])]
    ['unet.up1', 'unet.up2', 'unet.up3', 'unet.up4']
    """
    if not patterns:
        return [layer for layer in table if layer.quick or not quick]
    for pattern in patterns:
        if not any(fnmatchcase(layer.name, pattern) for layer in table):
            names = ", ".join(layer.name for layer in table)
            raise ValueError(f"--layers: nothing matches {pattern!r}; names: {names}")
    return [layer for layer in table if any(fnmatchcase(layer.name, pattern) for pattern in patterns)]
