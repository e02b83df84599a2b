"""Networks exported by ``torch.export``; what a GPU would do is played by a stand-in."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support import require

from posebench.artifacts.exported import read_metadata
from posebench.cache import file_sha256
from posebench.checkpoints import TRUST_VARIABLE
from posebench.config import SessionOptions, resolve_protocol
from posebench.errors import InputError, WeightsError
from posebench.protocols import Session
from posebench.sessions import open_session
from posebench.sessions.torch_execution import CudaExecution
from posebench.sessions.torch_network import Network
from posebench.types import Float32Array, Tensor, TensorSpec
from posebench.worker_runtime import RuntimeHandle

pytestmark = pytest.mark.framework
torch: Any = require("torch")
SIDE = 64


def start(
    path: Path, *, runtime: str = "torch", precision: str = "fp32", **options: Any
) -> Session:
    return open_session(
        path,
        runtime=runtime,
        device="cpu",
        threads=1,
        precision=precision,
        options=SessionOptions(**options),
    )


def run(session: Session, images: Tensor) -> dict[str, Tensor]:
    binding = session.bind({"images": images})
    assert binding.run().compute_ms > 0
    return dict(binding.outputs)


def pictures(*shape: int, seed: int = 0) -> Float32Array:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where posebench keeps what it exported itself."""
    monkeypatch.setenv("POSEBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "exports"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A one-stage network of a fixed batch and a top-down one of any, each in both formats."""
    require("timm")
    import pose_networks
    import rdpose.export
    import rdpose_networks
    import rfdetr_pose.export

    folder = tmp_path_factory.mktemp("exported")
    pose, heatmaps = pose_networks.make_network(), rdpose_networks.make_network()
    rfdetr_pose.export.export_onnx(pose, folder / "pose.onnx")
    rfdetr_pose.export.export_pt2(pose, folder / "pose.pt2")
    rdpose.export.export_onnx(heatmaps, folder / "heatmaps.onnx")
    rdpose.export.export_pt2(heatmaps, folder / "heatmaps.pt2")
    return folder


@pytest.fixture
def pose(exported: Path, exports: Path) -> Path:
    shutil.copytree(exported, exports, dirs_exist_ok=True)
    return exports / "pose.pt2"


@pytest.fixture
def heatmaps(pose: Path) -> Path:
    return pose.with_name("heatmaps.pt2")


def save(path: Path, module: Any, *inputs: Any, metadata: dict[str, str] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    extra = {"metadata.json": json.dumps(metadata)} if metadata else {}
    torch.export.save(torch.export.export(module.eval(), inputs), path, extra_files=extra)
    return path


class Places(torch.nn.Module):  # type: ignore[misc]
    """A network whose output is a place in a picture of 2000 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(64, 64, bias=False)

    def forward(self, images: Any) -> Any:
        return self.layer(images).sigmoid() * 2000


def test_torch_computes_what_onnx_runtime_computes(pose: Path, heatmaps: Path) -> None:
    require("onnxruntime")
    for path, images in (
        (pose, pictures(1, 3, SIDE, SIDE)),
        (heatmaps, pictures(3, 3, 96, 64)),
        (heatmaps, pictures(1, 3, 96, 64)),
    ):
        session, other = start(path), start(path.with_suffix(".onnx"), runtime="onnxruntime")
        assert session.inputs == tuple(other.inputs) and session.outputs == tuple(other.outputs)
        assert dict(session.metadata).items() >= dict(other.metadata).items()
        ours, theirs = run(session, images), run(other, images)
        for name, value in theirs.items():
            assert np.ptp(value) > 0.01, "an output that says nothing"
            scale = SIDE if path == pose else np.abs(value).max()
            assert np.abs(ours[name] - value).max() < 1e-4 * scale, name


def test_half_precision_is_half_precision_and_keeps_places(pose: Path, heatmaps: Path) -> None:
    images = pictures(1, 3, SIDE, SIDE)
    session = start(pose, precision="fp16")
    whole, half = run(start(pose), images), run(session, images)
    for name, value in whole.items():
        assert half[name].dtype == np.float32
        off = np.abs(half[name] - value).max()
        assert 0 < off < (0.01 if name in ("boxes", "keypoints") else 1e-3), name
    crops = pictures(2, 3, 96, 64)
    whole, half = run(start(heatmaps), crops), run(start(heatmaps, precision="fp16"), crops)
    off = np.abs(half["heatmaps"] - whole["heatmaps"]).max()
    assert 0 < off < 0.01 * np.abs(whole["heatmaps"]).max()


def test_places_beyond_the_512th_pixel_are_finer_than_half_precision(exports: Path) -> None:
    path = save(exports / "places.pt2", Places(), torch.zeros(1, 64))
    values = next(iter(run(start(path, precision="fp16"), pictures(1, 64)).values()))
    assert values.max() > 1024
    assert (values != values.astype(np.float16)).any(), "multiplied in FP32"


def test_the_weights_and_products_are_in_half_precision(exports: Path) -> None:
    """1 + 2^-12 is not an FP16 number: it tells where a value was rounded."""

    class Scale(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weights = torch.nn.Parameter(torch.eye(4) * (1 + 2**-12))

        def forward(self, images: Any) -> Any:
            return torch.nn.functional.linear(images, self.weights)

    path = save(exports / "scale.pt2", Scale(), torch.zeros(1, 4))
    ones = np.ones((1, 4), np.float32)
    (whole,) = run(start(path), ones).values()
    (half,) = run(start(path, precision="fp16"), ones).values()
    assert (whole == 1 + 2**-12).all() and (half == 1).all()


def test_a_network_that_does_not_fit_into_half_precision_is_refused(exports: Path) -> None:
    class Large(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weights = torch.nn.Parameter(torch.full((4, 4), 1e5))

        def forward(self, images: Any) -> Any:
            return torch.nn.functional.linear(images, self.weights)

    class Bare(torch.nn.Module):  # type: ignore[misc]
        def forward(self, images: Any) -> Any:
            return images * 2

    large = save(exports / "large.pt2", Large(), torch.zeros(1, 4))
    with pytest.raises(InputError, match="beyond what FP16 can hold"):
        start(large, precision="fp16")
    bare = save(exports / "bare.pt2", Bare(), torch.zeros(1, 4))
    with pytest.raises(InputError, match="less than half"):
        start(bare, precision="fp16")


def test_compiled_is_eager(heatmaps: Path) -> None:
    compiled, eager = start(heatmaps, compiled=True), start(heatmaps)
    assert "compiled" in compiled.provider and "compiled" not in eager.provider
    for batch in (1, 3):
        crops = pictures(batch, 3, 96, 64)
        found, right = run(compiled, crops)["heatmaps"], run(eager, crops)["heatmaps"]
        assert np.abs(found - right).max() < 1e-4 * np.abs(right).max()


def test_a_missing_compiler_is_named(exports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor import config, exc

    def no_compiler(*arguments: Any, **options: Any) -> str:
        raise exc.InvalidCxxCompiler()

    torch._dynamo.reset()
    monkeypatch.setattr("torch._inductor.cpp_builder.get_cpp_compiler", no_compiler)
    monkeypatch.setattr(config, "fx_graph_cache", False)
    path = save(exports / "places.pt2", Places(), torch.zeros(1, 64))
    with pytest.raises(InputError, match=r"g\+\+"):
        start(path, compiled=True)


def test_outputs_stay_valid_after_the_next_run(pose: Path) -> None:
    session = start(pose)
    first = run(session, pictures(1, 3, SIDE, SIDE))
    kept = {name: value.copy() for name, value in first.items()}
    other = run(session, pictures(1, 3, SIDE, SIDE, seed=1))
    for name, value in kept.items():
        np.testing.assert_array_equal(first[name], value)
        assert not np.array_equal(other[name], value)


def test_threads_are_those_asked_for(pose: Path) -> None:
    before = torch.get_num_threads()
    try:
        for threads in (2, 1):
            open_session(pose, runtime="torch", device="cpu", threads=threads, precision="fp32")
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_a_read_only_picture_is_taken(pose: Path) -> None:
    images = pictures(1, 3, SIDE, SIDE)
    images.flags.writeable = False
    session = start(pose)
    found, mirrored = run(session, images), run(session, images[..., ::-1])
    assert not np.array_equal(found["keypoints"], mirrored["keypoints"])


def test_a_closed_session_is_closed(pose: Path) -> None:
    session = start(pose)
    session.close()
    session.close()
    with pytest.raises(RuntimeError, match="closed"):
        session.bind({})


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, target: str) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path(self.target),))


def planted(source: Path, target: Path, ran: Path) -> Path:
    """A copy of a file in which sample inputs and weights are pickles that run code."""
    import io
    import pickle

    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as copy:
        for entry in archive.infolist():
            content = archive.read(entry)
            if entry.filename.endswith("model_weights_config.json"):
                content = content.replace(b'"use_pickle": false', b'"use_pickle": true')
            elif "/weights/weight_" in entry.filename:
                buffer = io.BytesIO()
                torch.save(Payload(str(ran)), buffer, pickle_module=pickle)
                content = buffer.getvalue()
            copy.writestr(entry, content)
    return target


def test_a_users_file_is_not_loaded_before_it_is_trusted(
    pose: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    bad = planted(pose, tmp_path / "bad.pt2", ran)
    digest = f"sha256:{file_sha256(bad)}"
    with pytest.raises(WeightsError, match=f"--trust-checkpoint {digest}"):
        start(bad)
    (pose.parent / "link.pt2").symlink_to(bad)
    with pytest.raises(WeightsError, match="can run any code"):
        start(pose.parent / "link.pt2")
    assert not ran.exists()
    monkeypatch.setenv(TRUST_VARIABLE, digest)
    with pytest.raises(InputError):
        start(bad)
    assert ran.exists(), "the file was dangerous indeed"


def test_a_trusted_file_of_anybody_runs(
    pose: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.pt2"
    own.write_bytes(pose.read_bytes())
    monkeypatch.setenv(TRUST_VARIABLE, f"sha256:{file_sha256(own)}")
    assert run(start(own), pictures(1, 3, SIDE, SIDE))


def test_files_of_other_kinds_and_damaged_ones_are_refused(pose: Path) -> None:
    with pytest.raises(InputError, match="nothing that torch could run"):
        start(pose.with_suffix(".onnx"))
    for content in (b"", b"not an archive", pose.read_bytes()[:5000]):
        pose.write_bytes(content)
        with pytest.raises(InputError, match=r"pose\.pt2"):
            start(pose)
    with zipfile.ZipFile(pose, "w") as archive:
        archive.writestr("a/other", "entry")
    with pytest.raises(InputError, match=r"pose\.pt2"):
        start(pose)


def test_devices_precisions_and_options_that_are_not_there_are_named(pose: Path) -> None:
    with pytest.raises(InputError, match="fp32 or fp16"):
        start(pose, precision="int8")
    with pytest.raises(InputError, match="no CUDA on cpu"):
        start(pose, cuda_graph=True)
    if torch.cuda.is_available():
        pytest.skip("there is CUDA here")
    with pytest.raises(InputError, match=r"without CUDA|sees no GPU") as caught:
        open_session(pose, runtime="torch", device="cuda:0", threads=1, precision=None)
    assert caught.value.remedy


def test_metadata_is_read_without_torch(exports: Path) -> None:
    module = torch.nn.Linear(4, 2)
    path = save(exports / "a.pt2", module, torch.zeros(1, 4), metadata={"a": "b"})
    assert read_metadata(path) == {"a": "b"}
    bare = save(exports / "bare.pt2", module, torch.zeros(1, 4))
    assert read_metadata(bare) == {}
    assert [spec.shape for spec in start(bare).outputs] == [(1, 2)]


def test_names_of_outputs_must_be_as_many_as_the_outputs(exports: Path) -> None:
    said = {"output_names": json.dumps(["a", "b"])}
    path = save(exports / "a.pt2", torch.nn.Linear(4, 2), torch.zeros(1, 4), metadata=said)
    with pytest.raises(InputError, match="2 outputs of 1"):
        start(path)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_checkpoint_of_ours_is_exported_for_torch_and_predicts_the_same(
    exports: Path, tmp_path: Path, precision: str
) -> None:
    require("onnxruntime")
    require("transformers")
    from pose_networks import make_model, random_picture
    from posebench_adapters import rfdetr_pose

    weights = make_model().save(tmp_path / "tiny.safetensors")
    card = next(card for card in rfdetr_pose.CARDS if card.name == "rfdetr-pose-n")
    protocol = resolve_protocol(card.protocol, rfdetr_pose.recommend(card, weights))
    found = []
    for runtime, kind in (("torch", "pt2"), ("onnxruntime", "onnx")):
        handle = RuntimeHandle(
            name=runtime, precision=precision if kind == "pt2" else "fp32", device="cpu", threads=1
        )
        model = rfdetr_pose.load(card, weights, protocol, handle.open_session)
        assert model.artifacts()[0].format == kind and model.cost().params
        found.append(model.predict([random_picture()])[0])
    ours, theirs = found
    assert len(ours) == len(theirs) > 0
    tolerance = 1e-4 * SIDE if precision == "fp32" else 0.05
    assert np.abs(ours.keypoints - theirs.keypoints).max() < tolerance


class FakeCuda:
    """Plays ``torch.cuda`` on the CPU and notes in which order it is called.

    A captured graph is the function that was called while it was captured: here, what a test
    hands in.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        fake = self

        class Stream:
            device = torch.device("cpu")

            def __init__(self, device: Any) -> None:
                pass

            def synchronize(self) -> None:
                fake.calls.append("synchronize")

        class Event:
            made = 0

            def __init__(self, *, enable_timing: bool) -> None:
                assert enable_timing
                self.number = Event.made
                Event.made += 1

            def record(self) -> None:
                fake.calls.append(f"event {self.number}")

            def elapsed_time(self, later: Any) -> float:
                return float(10**self.number * (later.number - self.number))

        class CUDAGraph:
            def replay(self) -> None:
                fake.calls.append("replay")

        @contextmanager
        def graph(captured: Any, *, stream: Any) -> Iterator[None]:
            fake.calls.append("capture")
            yield
            fake.calls.append("captured")

        @contextmanager
        def entered(value: Any) -> Iterator[None]:
            yield

        names = SimpleNamespace(
            Stream=Stream, Event=Event, CUDAGraph=CUDAGraph, graph=graph, stream=entered,
            device=entered,
        )  # fmt: skip
        for name, value in vars(names).items():
            assert hasattr(torch.cuda, name), name
            monkeypatch.setattr(torch.cuda, name, value)
        monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor.clone())
        empty_like = torch.empty_like
        monkeypatch.setattr(
            torch, "empty_like", lambda tensor, *, device, pin_memory: empty_like(tensor)
        )


def doubling(fake: FakeCuda) -> Network:
    def forward(images: Any) -> Any:
        fake.calls.append("network")
        return images * 2

    spec = TensorSpec("images", (None, 4), "float32")
    return Network(forward, (spec,), (TensorSpec("values", (None, 4), "float32"),), {})


def test_on_a_gpu_copies_and_network_are_timed_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeCuda(monkeypatch)
    execution = CudaExecution(doubling(fake), "cuda:0", graph=False)
    first, spans = execution.run({"images": pictures(2, 4)})
    assert (spans.host_to_device_ms, spans.compute_ms, spans.device_to_host_ms) == (1, 10, 100)
    warm_up = ["network", "synchronize"]
    timed = ["event 0", "event 1", "network", "event 2", "event 3", "synchronize"]
    assert fake.calls == warm_up + timed
    kept = first["values"].copy()
    fake.calls.clear()
    second, _ = execution.run({"images": pictures(2, 4, seed=1)})
    assert fake.calls == timed, "buffers of a known shape are used again"
    np.testing.assert_array_equal(first["values"], kept)
    np.testing.assert_array_equal(second["values"], pictures(2, 4, seed=1) * 2)
    third, _ = execution.run({"images": pictures(3, 4)})
    assert third["values"].shape == (3, 4)
    execution.close()


def test_a_graph_is_captured_once_a_shape_after_a_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeCuda(monkeypatch)
    execution = CudaExecution(doubling(fake), "cuda", graph=True)
    execution.run({"images": pictures(2, 4)})
    capture = ["network", "synchronize", "capture", "network", "captured"]
    capture += ["replay", "synchronize"]  # and compared
    timed = ["event 0", "event 1", "replay", "event 2", "event 3", "synchronize"]
    assert fake.calls == capture + timed
    fake.calls.clear()
    execution.run({"images": pictures(2, 4)})
    assert fake.calls == timed


def test_a_graph_that_computes_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The captured call is the second one; on zeros both would give zeros."""
    fake = FakeCuda(monkeypatch)

    def forward(images: Any) -> Any:
        fake.calls.append("network")
        return images * (1 + 0.01 * fake.calls.count("network"))

    spec = TensorSpec("images", (None, 4), "float32")
    network = Network(forward, (spec,), (TensorSpec("values", (None, 4), "float32"),), {})
    zeros = {"images": np.zeros((2, 4), np.float32)}
    with pytest.raises(InputError, match=r"other values.*session\.cuda_graph"):
        CudaExecution(network, "cuda", graph=True).run(zeros)
    CudaExecution(network, "cuda", graph=False).run(zeros)
