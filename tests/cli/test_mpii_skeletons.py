"""Which keypoints a run on MPII takes: as many are not the same."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
from mpii_folder import write_folder
from support import require_mmpose

from posebench.config import Pckh
from posebench.datasets.mpii import MpiiDataset
from posebench.datasets.skeletons import COCO17, MPII16, is_another
from posebench.errors import InputError
from posebench.pckh_run import check_keypoints
from posebench.registry import ModelRequest, select

MAPPED = Pckh(mapping="coco17-to-mpii16")


@pytest.fixture
def dataset(data: Path, tmp_path: Path) -> MpiiDataset:
    return MpiiDataset.open(write_folder(tmp_path / "mpii", data))


def predicting(skeleton: str) -> ModelRequest:
    (demo,) = select(["hrnet-demo"])
    return replace(demo, card=replace(demo.card, skeleton=skeleton))


@pytest.mark.parametrize("known", ["coco17", "crowdpose14", "h36m-17"])
def test_sixteen_keypoints_of_another_skeleton_are_refused(
    known: str, dataset: MpiiDataset
) -> None:
    with pytest.raises(InputError, match=rf"predicts the keypoints of {known}, not of mpii16"):
        check_keypoints(predicting(known), 16, Pckh(), dataset)


@pytest.mark.parametrize("known", ["mpii16", "h36m-17", "posetrack18-17", "ap10k-17"])
def test_seventeen_keypoints_that_are_not_cocos_are_not_mapped(
    known: str, dataset: MpiiDataset
) -> None:
    with pytest.raises(InputError, match=rf"predicts the keypoints of {known}, not of coco17"):
        check_keypoints(predicting(known), 17, MAPPED, dataset)


def test_the_right_skeleton_and_one_that_nobody_knows_are_taken(dataset: MpiiDataset) -> None:
    for name in ("mpii16", "mpii-16", "custom16", "keypoints-16"):
        check_keypoints(predicting(name), 16, Pckh(), dataset)
    for name in ("coco17", "ochuman-17", "keypoints-17"):
        check_keypoints(predicting(name), 17, MAPPED, dataset)


@pytest.mark.mmpose
def test_mmposes_other_skeletons_of_as_many_keypoints_are_known() -> None:
    """Those of mmpose's data sets whose keypoints have other names, and no others."""
    require_mmpose()
    spec = find_spec("mmpose")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / ".mim" / "configs" / "_base_" / "datasets"
    infos: list[dict[str, Any]] = [run_path(str(f))["dataset_info"] for f in folder.glob("*.py")]
    compared = []
    for wanted in (COCO17, MPII16):
        for info in (i for i in infos if len(i["keypoint_info"]) == len(wanted.keypoints)):
            names = [info["keypoint_info"][k]["name"] for k in sorted(info["keypoint_info"])]
            name = f"{info['dataset_name']}-{len(names)}"
            assert is_another(name, wanted) == (names != list(wanted.keypoints)), name
            compared.append(name)
    assert {"h36m-17", "mpii-16", "posetrack18-17"} <= set(compared)


@pytest.mark.mmpose
def test_a_real_card_of_other_keypoints_is_refused(dataset: MpiiDataset) -> None:
    require_mmpose()
    (request,) = select(["mmpose:td-hm_hrnet-w32_8xb64-20e_posetrack18-256x192"])
    with pytest.raises(InputError, match=r"keypoints of posetrack18-17, not of coco17"):
        check_keypoints(request, 17, MAPPED, dataset)
    (mpii,) = select(["mmpose:td-hm_hrnet-w32_8xb64-210e_mpii-256x256"])
    check_keypoints(mpii, 16, Pckh(), dataset)
