"""Known skeletons against the dataset descriptions of mmpose."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from support import require_mmpose

from posebench.datasets.skeletons import SKELETONS, get_skeleton, make_skeleton
from posebench.errors import InputError


def described(name: str) -> dict[str, Any]:
    origin = require_mmpose().__file__
    assert origin is not None
    folder = Path(origin).parent / ".mim" / "configs" / "_base_" / "datasets"
    info: dict[str, Any] = runpy.run_path(str(folder / f"{name}.py"))["dataset_info"]
    return info


@pytest.mark.mmpose
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("crowdpose14", "crowdpose"), ("coco-wholebody133", "coco_wholebody"), ("mpii16", "mpii")],
)
def test_it_is_what_mmpose_says(ours: str, theirs: str) -> None:
    skeleton, info = get_skeleton(ours), described(theirs)
    points = list(info["keypoint_info"].values())
    names = [point["name"] for point in points]
    assert list(skeleton.sigmas) == info["sigmas"]
    assert tuple(names) == skeleton.keypoints or make_skeleton(names, len(names)) is skeleton
    swaps = {
        tuple(sorted((i, names.index(point["swap"])))) for i, point in enumerate(points)
        if point["swap"]
    }  # fmt: skip
    assert set(skeleton.flip_pairs) == swaps
    links = [tuple(map(names.index, limb["link"])) for limb in info["skeleton_info"].values()]
    assert list(skeleton.edges) == links


@pytest.mark.parametrize("name", sorted(set(SKELETONS) - {"mpii16"}))
def test_names_recognise_it_however_they_are_written(name: str) -> None:
    skeleton = SKELETONS[name]
    written = [keypoint.upper().replace("_", " ") for keypoint in skeleton.keypoints]
    assert make_skeleton(written, len(written)) is skeleton


def test_mpiis_joints_have_no_oks_unless_somebody_gives_sigmas() -> None:
    names = get_skeleton("mpii16").keypoints
    with pytest.raises(InputError, match="sigmas are unknown"):
        make_skeleton(names, 16)
    assert make_skeleton(names, 16, sigmas=(0.1,) * 16).name == "custom16"


@pytest.mark.parametrize("count", [14, 133])
def test_a_number_of_keypoints_alone_is_not_enough(count: int) -> None:
    with pytest.raises(InputError, match=f"{count} keypoints that are not the 17 of COCO"):
        make_skeleton([], count)
