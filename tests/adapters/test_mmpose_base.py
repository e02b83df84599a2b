"""mmpose's configurations and checkpoints: found, trusted, read and refused."""

from __future__ import annotations

import os
import pickle
import zipfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from posebench_adapters import _mmpose_import
from posebench_adapters import mmpose as adapter
from posebench_adapters._mmpose_checkpoint import build, load_state
from posebench_adapters._mmpose_config import config_roots, find_config, read_config
from posebench_adapters._rtmo_cards import CONFIGS
from support import require, require_mmpose

from posebench.cache import file_sha256
from posebench.checkpoints import TRUST_CONFIGS_VARIABLE, TRUST_VARIABLE
from posebench.errors import InputError, MissingExtraError, WeightsError
from posebench.testing.conformance import _check_card

pytestmark = [pytest.mark.framework, pytest.mark.mmpose]
HRNET = "td-hm_hrnet-w32_8xb64-210e_coco-256x192"
RTMO = "rtmo-t_8xb32-600e_body7-416x416"


class Exploit:
    """What runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.fixture(autouse=True)
def mmpose() -> None:
    require_mmpose()


def trust(patch: pytest.MonkeyPatch, variable: str, *files: Path) -> None:
    patch.setenv(variable, ",".join(f"sha256:{file_sha256(file)}" for file in files))


# Configurations


def test_every_card_s_configuration_and_checkpoint_is_one_of_mmpose_s() -> None:
    """mmpose's own model index is what names them."""
    import yaml

    published = {}
    for file in sorted((config_roots()[0] / "body_2d_keypoint" / "rtmo").rglob("*.yml")):
        for model in yaml.safe_load(file.read_text())["Models"]:
            published[Path(model["Config"]).stem] = model
    assert set(CONFIGS.values()) == set(published)
    for card in adapter.CARDS:
        if card.family != "RTMO":
            continue
        _check_card(card)
        model = published[CONFIGS[card.name]]
        assert find_config(CONFIGS[card.name]).stem == CONFIGS[card.name]
        assert card.weights[0].url == model["Weights"]
        prefix = str(card.weights[0].digest).partition(":")[2]
        assert f"-{prefix}_" in model["Weights"]
        figures = model["Results"][0]["Metrics"]
        claimed = {claim.metric: claim.value for claim in card.claims}
        pairs = {"AP": "AP", "AP50": "AP@0.5", "AP75": "AP@0.75", "AR": "AR", "AR50": "AR@0.5",
                 "AP(E)": "AP (E)", "AP(M)": "AP (M)", "AP(H)": "AP (L)"}  # fmt: skip
        wrong = {ours: (claimed[ours], figures[theirs]) for ours, theirs in pairs.items()
                 if ours in claimed and claimed[ours] != figures[theirs]}  # fmt: skip
        # The index gives CrowdPose's figure for the one on COCO; the table beside it has .677.
        assert wrong == ({"AP": (0.677, 0.673)} if card.name == "rtmo-s" else {})


def test_a_configuration_is_found_by_name_and_by_path() -> None:
    path = find_config(HRNET)
    assert path.name == f"{HRNET}.py"
    assert find_config(str(path.relative_to(config_roots()[0]))) == path
    assert find_config(str(path)) == path
    config = read_config(path)
    assert config.model.backbone.type == "HRNet"


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(InputError, match=rf"Did you mean .*{HRNET}"):
        find_config(HRNET.replace("hrnet", "hrnett"))
    with pytest.raises(InputError, match=r"path of a \.py"):
        find_config("zzz")


def test_a_user_s_configuration_runs_only_if_its_digest_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "mine.py"
    ran = tmp_path / "ran"
    own.write_text(
        f"_base_ = ['{find_config(HRNET)}']\n"
        f"__import__('os').mkdir({str(ran)!r})\n"
        "model = dict(test_cfg=dict(flip_test=False))\n"
    )
    monkeypatch.delenv(TRUST_CONFIGS_VARIABLE, raising=False)
    with pytest.raises(InputError, match=rf"--trust-config sha256:{file_sha256(own)}"):
        read_config(own)
    trust(monkeypatch, TRUST_VARIABLE, own)  # trust in a checkpoint is another
    with pytest.raises(InputError, match="--trust-config"):
        read_config(own)
    assert not ran.exists()
    trust(monkeypatch, TRUST_CONFIGS_VARIABLE, own)
    assert read_config(own).model.test_cfg.flip_test is False
    assert ran.exists()


def test_what_a_configuration_builds_on_must_be_trusted_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, own = tmp_path / "base.py", tmp_path / "own.py"
    ran = tmp_path / "ran"
    base.write_text(f"__import__('os').mkdir({str(ran)!r})\nmodel = dict(type='A')\n")
    own.write_text("_base_ = './base.py'\n")
    trust(monkeypatch, TRUST_CONFIGS_VARIABLE, own)
    with pytest.raises(InputError, match=r"base\.py.*--trust-config"):
        read_config(own)
    assert not ran.exists()
    trust(monkeypatch, TRUST_CONFIGS_VARIABLE, own, base)
    assert read_config(own).model.type == "A"
    assert ran.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("_base_ = ['./' + 'base.py']", "string or a list of strings"),
        ("_base_ = ['{{ fileDirname }}/base.py']", "string or a list of strings"),
        ("from mmengine.config import read_base\nwith read_base():\n    from .base import *",
         "not supported"),
        ("_base_ = ['./none.py']", "no such configuration"),
        ("model = ", "cannot be read"),
        ("model = missing", "cannot be read"),
        ("models = dict()", "has no `model`"),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_followed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    own = tmp_path / "own.py"
    own.write_text(text)
    trust(monkeypatch, TRUST_CONFIGS_VARIABLE, own)
    with pytest.raises(InputError, match=message):
        read_config(own)


def test_no_file_of_the_working_directory_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """mmpose looks for the data set that a configuration names there first."""
    trap = tmp_path / "configs" / "_base_" / "datasets" / "coco.py"
    trap.parent.mkdir(parents=True)
    trap.write_text("raise SystemExit('ran')")
    monkeypatch.chdir(tmp_path)
    assert build(read_config(find_config(RTMO)), None).head.num_keypoints == 17


# Checkpoints


def save(path: Path, document: Any) -> Path:
    require("torch").save(document, path)
    return path


def tensors() -> dict[str, Any]:
    torch = require("torch")
    return {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


def equal(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    torch = require("torch")
    return found.keys() == expected.keys() and all(
        torch.equal(found[name], expected[name]) for name in found
    )


def test_checkpoints_as_mmengine_saves_them_are_read(tmp_path: Path) -> None:
    from rtmo_networks import checkpoint

    class Module:
        def state_dict(self) -> dict[str, Any]:
            return tensors()

    # Its averaged weights are the state_dict, and the others come behind it.
    assert equal(load_state(checkpoint(tmp_path, Module())), tensors())


def test_checkpoints_with_numpy_s_older_names_are_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", {"meta": {"n": np.float64(1)}, "state_dict": tensors()})
    for old, new in ((b"numpy.core", b"numpy._core"), (b"numpy._core", b"numpy.core")):
        renamed = tmp_path / "renamed.pth"
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(renamed, "w") as target:
            for item in source.infolist():
                data = source.read(item)
                target.writestr(item.filename, data.replace(old, new))
        assert equal(load_state(renamed), tensors())


def test_a_bare_state_dict_and_safetensors_are_read(tmp_path: Path) -> None:
    require("safetensors")
    from safetensors.torch import save_file

    bare = {f"module.{name}": value for name, value in tensors().items()}
    assert equal(load_state(save(tmp_path / "a.pth", bare)), tensors())
    save_file(tensors(), tmp_path / "a.safetensors")
    assert equal(load_state(tmp_path / "a.safetensors"), tensors())
    (tmp_path / "b.safetensors").write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match=r"b\.safetensors: not a readable checkpoint"):
        load_state(tmp_path / "b.safetensors")


def test_code_in_a_checkpoint_runs_only_if_its_digest_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    path = save(tmp_path / "a.pth", {"state_dict": tensors(), "meta": Exploit(ran)})
    monkeypatch.delenv(TRUST_VARIABLE, raising=False)
    with pytest.raises(WeightsError, match=rf"--trust-checkpoint sha256:{file_sha256(path)}"):
        load_state(path)
    assert not ran.exists()
    trust(monkeypatch, TRUST_VARIABLE, path)
    assert equal(load_state(path), tensors())
    assert ran.exists()


class Getattr:
    """Uses the one builtin that mmengine's record of losses needs, for something else."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, self.arguments


def test_getattr_reaches_nothing_but_the_record_of_losses(tmp_path: Path) -> None:
    torch = require("torch")
    for owner, name in ((torch.Tensor, "__module__"), (np.dtype, "type"), ({}, "__class__")):
        path = save(tmp_path / "a.pth", {"state_dict": tensors(), "x": Getattr(owner, name)})
        with pytest.raises(WeightsError):
            load_state(path)


def test_damaged_and_other_files_are_refused(tmp_path: Path) -> None:
    whole = save(tmp_path / "a.pth", {"state_dict": tensors()}).read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.pth").write_text("<html>not found</html>")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "list.pth").write_bytes(pickle.dumps([1, 2]))
    for name in ("cut", "text", "empty", "list"):
        with pytest.raises(WeightsError, match=rf"{name}\.pth: "):
            load_state(tmp_path / f"{name}.pth")
    others: list[Any] = [{"state_dict": {}}, {"state_dict": {"a": 1}}, {"model": tensors()}, [1]]
    for document in others:
        with pytest.raises(WeightsError, match="holds no weights"):
            load_state(save(tmp_path / "other.pth", document))
    with pytest.raises(WeightsError, match="no such checkpoint"):
        load_state(tmp_path / "none.pth")


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path: Path) -> None:
    config = read_config(find_config(RTMO))
    state = build(config, None).state_dict()
    path = save(tmp_path / "rtmo-t.pth", {"state_dict": state})
    larger = read_config(find_config("rtmo-s_8xb32-600e_coco-640x640"))
    with pytest.raises(WeightsError, match=r"another configuration than rtmo-s_.*of another shape"):
        build(larger, path)
    with pytest.raises(WeightsError, match=r"it lacks backbone\.conv1.*also has backbone\.stem"):
        build(read_config(find_config(HRNET)), path)
    name, value = next(iter(state.items()))
    shifted = {**state, name: value + 1}
    built = build(config, save(path, {"state_dict": shifted}))
    assert equal(dict(built.state_dict()), shifted)
    assert not built.training


def test_what_mmpose_cannot_build_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.py"
    own.write_text("model = dict(type='NoSuchEstimator')")
    trust(monkeypatch, TRUST_CONFIGS_VARIABLE, own)
    with pytest.raises(InputError, match="mmpose cannot build it"):
        build(read_config(own), None)


# The package


def test_a_missing_or_newer_mmpose_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_mmpose_import, "version", lambda name: "2.0.0")
    with pytest.raises(MissingExtraError, match=r"mmpose 2\.0\.0 is installed, 1\.x is needed"):
        find_config(HRNET)

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(_mmpose_import, "version", missing)
    with pytest.raises(MissingExtraError, match=r"posebench\[mmpose\]"):
        read_config(Path("any.py"))
