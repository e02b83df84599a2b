"""What OpenMMLab publishes about RTMO.

Figures, file names and the first digits of the sha256, which are part of a file name, are quoted
from mmpose's model index and documentation.
"""

from __future__ import annotations

from typing import NamedTuple

from posebench.types import Claim, ModelCard, Weights

LICENCE = "Apache-2.0"
_FOLDER = "https://download.openmmlab.com/mmpose/v1/projects/rtmo"
_SOURCE = "mmpose 1.3.2, configs/body_2d_keypoint/rtmo"
_RULES = "score > 0.1, box NMS 0.65, ranked by the box score, no flip test"
_COCO = f"COCO val2017, 5,000 pictures; {_RULES}"
_CROWDPOSE = f"CrowdPose test; {_RULES}"
_V100 = "one V100, ONNX Runtime; precision, batch and what is included are not stated"
_BODY7 = (
    *("AI Challenger", "COCO train2017", "CrowdPose", "MPII", "sub-JHMDB", "Halpe"),
    "PoseTrack18",
)
_LEAK = (
    "Trained on CrowdPose among others, of which at least 181 pictures are also in COCO val2017: "
    "its figures there may be too high."
)
_LEAK_CROWDPOSE = (
    "Its training data hold CrowdPose and sets that share pictures with it; which of CrowdPose's "
    "splits were used is not stated."
)
_COCO_METRICS = ("AP", "AP50", "AP75", "AR", "AR50")
_CROWDPOSE_METRICS = ("AP", "AP50", "AP75", "AP(E)", "AP(M)", "AP(H)")
_LATENCY_MS = {"s": 8.9, "m": 12.4, "l": 19.1}
_PIXELS = {"t": 416}


class _Row(NamedTuple):
    name: str
    config: str
    suffix: str
    figures: tuple[float, ...]
    training_data: tuple[str, ...]
    note: str = ""
    prefix: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def size(self) -> str:
        return self.name.split("-")[1]

    @property
    def is_crowdpose(self) -> bool:
        return "crowdpose" in self.name


_TRAIN = ("COCO train2017",)
_ROWS = (
    _Row("rtmo-s", "rtmo-s_8xb32-600e_coco-640x640", "8db55a59_20231211",
         (0.677, 0.878, 0.737, 0.715, 0.908), _TRAIN, aliases=("rtmo-s-coco",)),
    _Row("rtmo-m", "rtmo-m_16xb16-600e_coco-640x640", "6f4e0306_20231211",
         (0.709, 0.890, 0.778, 0.747, 0.920), _TRAIN, aliases=("rtmo-m-coco",)),
    _Row("rtmo-l", "rtmo-l_16xb16-600e_coco-640x640", "516a421f_20231211",
         (0.724, 0.899, 0.788, 0.762, 0.927), _TRAIN, aliases=("rtmo-l-coco",)),
    _Row("rtmo-t-body7", "rtmo-t_8xb32-600e_body7-416x416", "f48f75cb_20231219",
         (0.574, 0.803, 0.613, 0.611, 0.836), _BODY7, _LEAK, aliases=("rtmo-t",)),
    _Row("rtmo-s-body7", "rtmo-s_8xb32-600e_body7-640x640", "dac2bf74_20231211",
         (0.686, 0.879, 0.744, 0.723, 0.908), _BODY7, _LEAK),
    _Row("rtmo-m-body7", "rtmo-m_16xb16-600e_body7-640x640", "39e78cc4_20231211",
         (0.726, 0.899, 0.790, 0.763, 0.926), _BODY7, _LEAK),
    _Row("rtmo-l-body7", "rtmo-l_16xb16-600e_body7-640x640", "b37118ce_20231211",
         (0.748, 0.911, 0.813, 0.786, 0.939), _BODY7, _LEAK),
    _Row("rtmo-s-crowdpose", "rtmo-s_8xb32-700e_crowdpose-640x640", "79f81c0d_20231211",
         (0.673, 0.882, 0.729, 0.737, 0.682, 0.591), ("CrowdPose",)),
    # Published under a name with two r's.
    _Row("rtmo-m-crowdpose", "rtmo-m_16xb16-700e_crowdpose-640x640", "0eaf670d_20231211",
         (0.711, 0.897, 0.771, 0.774, 0.719, 0.634), ("CrowdPose",), prefix="r"),
    _Row("rtmo-l-crowdpose", "rtmo-l_16xb16-700e_crowdpose-640x640", "1008211f_20231211",
         (0.732, 0.907, 0.793, 0.792, 0.741, 0.653), ("CrowdPose",)),
    _Row("rtmo-l-body7-crowdpose", "rtmo-l_16xb16-700e_body7-crowdpose-640x640",
         "5bafdc11_20231219", (0.838, 0.947, 0.893, 0.888, 0.847, 0.772), _BODY7,
         _LEAK_CROWDPOSE),
)  # fmt: skip

CONFIGS = {row.name: row.config for row in _ROWS}
"""mmpose's configuration of each card."""


def _claims(row: _Row) -> tuple[Claim, ...]:
    names = _CROWDPOSE_METRICS if row.is_crowdpose else _COCO_METRICS
    protocol = _CROWDPOSE if row.is_crowdpose else _COCO
    claims = [
        Claim(name, figure, _SOURCE, protocol)
        for name, figure in zip(names, row.figures, strict=True)
    ]
    if row.size in _LATENCY_MS and not row.is_crowdpose:
        claims.append(Claim("latency_ms", _LATENCY_MS[row.size], _SOURCE, _V100))
    return tuple(claims)


def _card(row: _Row) -> ModelCard:
    side = _PIXELS.get(row.size, 640)
    url = f"{_FOLDER}/{row.prefix}{row.config}-{row.suffix}.pth"
    digest = f"sha256-prefix:{row.suffix.split('_')[0]}"
    return ModelCard(
        name=row.name,
        family="RTMO",
        paradigm="one-stage",
        skeleton="crowdpose14" if row.is_crowdpose else "coco17",
        input_size=(side, side),
        licence=LICENCE,
        aliases=row.aliases,
        weights=(Weights(url, LICENCE, digest),),
        extra="mmpose",
        training_data=row.training_data,
        protocol={
            "preprocess": {"resize": "letterbox-affine", "color": "bgr", "scale": 1.0},
            "postprocess": {"score_threshold": 0.1, "nms_threshold": 0.65},
        },
        claims=_claims(row),
        note=row.note,
    )


RTMO_CARDS = tuple(_card(row) for row in _ROWS)
