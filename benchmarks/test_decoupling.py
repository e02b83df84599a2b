"""What feature decoupling costs at inference: HRNet bare, RDPose plain, and RDPose with FDM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from paired_latency import latency_ratio, open_network, parameters_m, seconds
from rdpose.config import HRNetBackbone, Inference, ModelConfig, Variant
from rdpose.export import export_onnx
from rdpose.network import PoseNetwork

PAIRS = 30
MOST = {"plain": 1.02, "fdm": 1.1}  # upper end of the interval


@pytest.mark.parametrize(("width", "height"), [(32, 256), (48, 384)])
def test_decoupling(benchmark: Any, width: int, height: int, tmp_path: Path) -> None:
    size = (height, height * 3 // 4)
    bare = _exported(width, size, "bare", "plain", tmp_path)
    tensor = np.random.default_rng(0).normal(size=(1, 3, *size)).astype(np.float32)
    reference = open_network(bare)
    for inference in ("plain", "fdm"):
        path = _exported(width, size, "fixed", inference, tmp_path)
        ratio = latency_ratio(open_network(path), reference, tensor, PAIRS)
        benchmark.extra_info[inference] = vars(ratio)
        print(
            f"\nw{width} {size[0]}x{size[1]}: {inference} / bare HRNet {ratio}; "
            f"{parameters_m(path):.4f} M / {parameters_m(bare):.4f} M parameters in the file"
        )
        assert ratio.high < MOST[inference]
    benchmark.pedantic(lambda: seconds(reference, tensor), rounds=1)


def _exported(
    width: int, size: tuple[int, int], variant: Variant, inference: Inference, folder: Path
) -> Path:
    torch.manual_seed(0)
    config = ModelConfig(backbone=HRNetBackbone(width=width), input_size=size, variant=variant)
    return export_onnx(PoseNetwork(config), folder / f"{variant}-{inference}.onnx", inference)
