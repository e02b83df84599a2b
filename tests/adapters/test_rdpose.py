"""RDPose in posebench: checkpoints and exported files of the package, and HRNet's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from commands import posebench
from posebench_adapters import rdpose as adapter
from posebench_adapters._rdpose_cards import NETWORKS, Network
from support import require

from posebench.cache import file_sha256
from posebench.config import EvalProtocol, resolve_protocol
from posebench.errors import InputError, PosebenchError, WeightsError
from posebench.record import parse_record
from posebench.registry import recommended_protocol, resolve_reference
from posebench.sessions import open_session

if TYPE_CHECKING:
    from rdpose.network import PoseNetwork

pytestmark = pytest.mark.framework
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def framework() -> None:
    for package in ("torch", "timm", "onnxruntime"):
        require(package)


def session(path: Path) -> Any:
    return open_session(path, runtime="onnxruntime", device="cpu", threads=1, precision="fp32")


def small(variant: str = "fixed") -> PoseNetwork:
    from rdpose_networks import make_network, tiny

    return make_network(tiny(variant=variant))


def checkpoint(folder: Path, variant: str = "fixed") -> Path:
    from rdpose.checkpoint import save_checkpoint

    path = folder / "model.safetensors"
    save_checkpoint(small(variant), path)
    return path


def protocol_for(reference: str, weights: Path) -> EvalProtocol:
    card = resolve_reference(reference).card
    return resolve_protocol(*recommended_protocol(adapter, card, weights))


def loaded(reference: str, weights: Path) -> Any:
    card = resolve_reference(reference).card
    return adapter.load(card, weights, protocol_for(reference, weights), session)


def test_every_card_says_what_its_checkpoints_are() -> None:
    assert set(NETWORKS) == {card.name for card in adapter.CARDS}
    for card in adapter.CARDS:
        config, inference = NETWORKS[card.name].config, NETWORKS[card.name].inference
        assert (card.skeleton, card.input_size) == (config.joints, config.input_size)
        assert (config.variant == "bare") == card.name.startswith("hrnet-original")
        assert config.variant == "bare" or f"-{config.variant}" in card.name
        assert card.name.endswith("-fdm") == (inference == "fdm")
        if "demo" not in card.name:
            assert f"w{config.backbone.width}-" in card.name  # type: ignore[union-attr]


def test_the_embedded_network_is_the_one_that_was_compared(tmp_path: Path) -> None:
    card = resolve_reference("rdpose-demo").card
    (weights,) = card.weights
    assert weights.packaged is not None
    sha256 = file_sha256(weights.packaged)
    assert weights.digest == f"sha256:{sha256}"
    record = json.loads((ROOT / "results" / "training" / "rdpose-demo.json").read_bytes())
    assert record["onnx_sha256"] == sha256
    assert card.training_data == (record["training_set"],)
    done = posebench(
        *("run", "--format", "json", "--out", tmp_path / "runs", "--no-latency"),
        *(
            "--models",
            "rdpose-demo",
            "--boxes",
            "ground-truth",
            "--dataset",
            "synthetic-easy:20:9001",
        ),
    )
    (found,) = json.loads(done.stdout)
    ap = parse_record(found, source="stdout").figure("keypoints", "AP")
    assert ap is not None and ap > 0.35, done.stderr


def test_a_checkpoint_is_exported_once_and_gives_what_the_network_gives(tmp_path: Path) -> None:
    import torch
    from rdpose_networks import random_crops

    path, images = checkpoint(tmp_path), random_crops()
    model = loaded(f"rdpose:{path}", path)
    with torch.no_grad():
        expected = small()(images).numpy()
    found = model._run(images.numpy())
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    network, weights = model.artifacts()
    assert (network.role, weights.role) == ("network", "checkpoint")
    assert loaded(f"rdpose:{path}", path).artifacts()[0].sha256 == network.sha256


def test_decoupling_at_inference_is_the_exported_files_own(tmp_path: Path) -> None:
    from rdpose.export import export_onnx

    path = export_onnx(small("perturbed"), tmp_path / "small.onnx", "fdm")
    card = resolve_reference(f"rdpose:{path}").card
    assert (card.name, card.family) == ("rdpose:small-perturbed-fdm", "RDPose")
    plain = export_onnx(small("perturbed"), tmp_path / "plain.onnx", "plain")
    images = np.random.default_rng(0).standard_normal((2, 3, 96, 64)).astype(np.float32)
    outputs = [loaded(f"rdpose:{p}", p)._run(images) for p in (path, plain)]
    assert outputs[0].min() > 0 > outputs[1].min(), "only decoupled maps go through the sigmoid"


@pytest.mark.parametrize("inference", ["plain", "fdm"])
def test_the_name_decides_whether_a_checkpoint_is_run_with_decoupling(
    inference: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, name = checkpoint(tmp_path), "rdpose-w32-256x192-fixed-fdm"
    ours = {name: Network(small().config, inference)}
    monkeypatch.setattr("posebench_adapters._rdpose_model.NETWORKS", ours)
    images = np.random.default_rng(0).standard_normal((2, 3, 96, 64)).astype(np.float32)
    lowest = loaded(name, path)._run(images).min()
    assert (lowest > 0) == (inference == "fdm"), "only decoupled maps go through the sigmoid"


def test_networks_of_ones_own_do_not_bear_the_authors_figures(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, "bare")
    with pytest.raises(WeightsError, match="the checkpoint of HRNet's authors") as error:
        loaded("hrnet-original-w32-256x192", path)
    assert f"rdpose:{path}" in str(error.value)


def test_a_run_names_the_variant_in_its_record(coco_mini: Path, tmp_path: Path) -> None:
    path = checkpoint(tmp_path, "perturbed")
    done = posebench(
        *("run", "--format", "json", "--out", tmp_path / "runs", "--limit", "2", "--no-latency"),
        *("--annotations", coco_mini / "person_keypoints.json", "--images", coco_mini / "images"),
        *("--models", f"rdpose:{path}", "--boxes", "ground-truth"),
    )
    assert done.returncode == 0, done.stderr
    record = parse_record(json.loads(done.stdout)[0], source="stdout")
    assert record.status == "ok"
    assert record.model.name == "rdpose:model-perturbed"
    assert record.protocol is not None and record.protocol.augmentation.flip_test


def test_the_authors_checkpoint_becomes_the_network_of_their_table(tmp_path: Path) -> None:
    import torch
    from rdpose.network import PoseNetwork

    name = "hrnet-original-w32-256x192"
    network = PoseNetwork(NETWORKS[name].config)
    state = {k.removeprefix("backbone."): v for k, v in network.state_dict().items()}
    path = tmp_path / "pose_hrnet_w32_256x192.pth"
    torch.save(state, path)
    cost = loaded(name, path).cost()
    assert cost.params == pytest.approx(28.5e6, rel=0.005)
    # The authors count multiplications of convolutions only: 7.1 · 10^9.
    assert cost.gflops == pytest.approx(2 * 7.1, rel=0.09)
    for other in ("hrnet-original-w48-256x192", "hrnet-original-w32-256x256-mpii"):
        with pytest.raises(WeightsError, match="another network"):
            loaded(other, path)
    with pytest.raises(WeightsError, match="hrnet-original") as error:
        loaded("rdpose-w32-256x192-fixed", path)
    assert ".safetensors" in str(error.value)


@pytest.mark.parametrize("file", ["checkpoint", "exported"])
def test_weights_of_one_model_are_refused_under_the_name_of_another(
    file: str, tmp_path: Path
) -> None:
    from rdpose.export import export_onnx

    path = checkpoint(tmp_path)
    if file == "exported":
        path = export_onnx(small(), tmp_path / "small.onnx", "fdm")
    with pytest.raises(WeightsError, match="variant fixed, not perturbed") as error:
        loaded("rdpose-w32-256x192-perturbed", path)
    assert ("inference fdm, not plain" in str(error.value)) == (file == "exported")
    assert f"rdpose:{path}" in error.value.remedy


def test_bad_files_are_named(tmp_path: Path, yolov8n_onnx: Path) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(checkpoint(tmp_path).read_bytes()[:200])
    text = tmp_path / "weights.txt"
    text.write_text("not weights")
    for path, message in (
        (damaged, "not a readable safetensors file"),
        (yolov8n_onnx, "was not exported by rdpose"),
        (text, "not a file of rdpose"),
    ):
        with pytest.raises(PosebenchError, match=message) as error:
            resolve_reference(f"rdpose:{path}")
        assert path.name in str(error.value)


def test_native_and_nothing_are_refused(tmp_path: Path) -> None:
    path = checkpoint(tmp_path)
    card = resolve_reference(f"rdpose:{path}").card
    protocol = protocol_for(f"rdpose:{path}", path)
    with pytest.raises(InputError, match="not natively"):
        adapter.load(card, path, protocol, None)
    with pytest.raises(WeightsError, match="needs weights"):
        adapter.load(card, None, protocol, session)
