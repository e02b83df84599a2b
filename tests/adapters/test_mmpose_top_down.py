"""mmpose's top-down models: real networks, natively and exported, and whatever goes wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from posebench_adapters import mmpose as adapter
from posebench_adapters._hrnet_cards import HRNET_CARDS, HRNET_DEMO
from support import pictures, read_rgb, require_mmpose

from posebench.cache import file_sha256
from posebench.checkpoints import TRUST_CONFIGS_VARIABLE
from posebench.config import EvalProtocol, resolve_protocol
from posebench.datasets.box_files import ground_truth_boxes, read_box_file
from posebench.datasets.coco import CocoDataset
from posebench.datasets.synthetic.export import make_folder
from posebench.datasets.synthetic.names import Recipe
from posebench.errors import InputError, MissingExtraError, WeightsError
from posebench.evaluation import score
from posebench.predictions import collect, to_detections
from posebench.protocols import PoseModel
from posebench.registry import recommended_protocol, resolve_reference
from posebench.sessions import open_session
from posebench.types import ModelCard, PersonBoxes

pytestmark = [pytest.mark.framework, pytest.mark.mmpose]
W32 = "hrnet-w32-256x192"
DEMO_CONFIG = (
    Path(__file__).parents[2] / "benchmarks" / "hrnet_demo" / "hrnet-w16_synthetic-256x192.py"
)


def session(path: Path) -> Any:
    return open_session(path, runtime="onnxruntime", device="cpu", threads=1, precision="fp32")


def random_checkpoint(config: str, folder: Path) -> Path:
    """Seeded random weights of a configuration, as mmengine saves them."""
    require_mmpose()
    import torch
    from posebench_adapters._mmpose_checkpoint import build
    from posebench_adapters._mmpose_config import find_config, read_config

    torch.manual_seed(0)
    network = build(read_config(find_config(config)), None)
    path = folder / "random.pth"
    torch.save({"meta": {"epoch": 1}, "state_dict": network.state_dict()}, path)
    return path


def protocol_of(card: ModelCard, weights: Path, **sections: Mapping[str, Any]) -> EvalProtocol:
    layers = recommended_protocol(adapter, card, weights)
    return resolve_protocol(
        *({k: v for k, v in o.items() if k != "detector"} for o in layers), sections
    )


@pytest.fixture(scope="module")
def w32(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_checkpoint(resolve_reference(W32).card.aliases[0], tmp_path_factory.mktemp("w32"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model's trained weights as a checkpoint of mmpose's.

    Its graph holds convolutions into which batch normalisation was folded: they are filled in with
    a normalisation that changes nothing.
    """
    require_mmpose()
    import onnx
    import torch
    from onnx import numpy_helper
    from posebench_adapters._mmpose_checkpoint import build

    config = trusted_config()
    network = build(config, None)
    packaged = HRNET_DEMO.weights[0].packaged
    assert packaged is not None
    graph = onnx.load(packaged).graph
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    convolutions = [
        (values[n.input[1]], values[n.input[2]]) for n in graph.node if n.op_type == "Conv"
    ]
    fill_in_order(network, convolutions)
    path = tmp_path_factory.mktemp("demo") / "demo.pth"
    torch.save({"state_dict": network.state_dict()}, path)
    return path


def trusted_config() -> Any:
    from posebench_adapters._mmpose_config import read_config

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TRUST_CONFIGS_VARIABLE, f"sha256:{file_sha256(DEMO_CONFIG)}")
        return read_config(DEMO_CONFIG)


def fill_in_order(network: Any, convolutions: list[tuple[Any, Any]]) -> None:
    """Give each convolution, in the order in which they run, its weights and its bias."""
    import torch

    order: list[Any] = []
    hooks = [
        module.register_forward_hook(lambda m, *_: order.append(m))
        for module in network.modules()
        if isinstance(module, (torch.nn.Conv2d, torch.nn.BatchNorm2d))
    ]
    with torch.no_grad():
        network.head(network.extract_feat(torch.zeros(1, 3, 256, 192)))
    for hook in hooks:
        hook.remove()
    given = iter(convolutions)
    with torch.no_grad():
        for module in order:
            if isinstance(module, torch.nn.Conv2d):
                weight, bias = next(given)
                module.weight.copy_(weight)
                if module.bias is not None:
                    module.bias.copy_(bias)
            else:
                module.weight.fill_(1)
                module.running_mean.zero_()
                module.running_var.fill_(1 - module.eps)
                module.bias.copy_(bias)
    assert next(given, None) is None


def people(coco_mini: Path, count: int) -> tuple[list[Any], list[PersonBoxes]]:
    """Real pictures, and boxes in and around them that are nobody's in particular."""
    images = pictures(coco_mini, count)
    generator = np.random.default_rng(0)
    boxes = []
    for image in images:
        height, width = image.shape[:2]
        corner = generator.uniform(-20, 0.5, (3, 2)) * 1.0
        corner = np.abs(corner) / 20 * [width / 2, height / 2]
        size = generator.uniform(40, 200, (3, 2))
        scores = generator.uniform(0.3, 1, 3)
        corners = np.concatenate([corner, corner + size], axis=1).astype(np.float32)
        boxes.append(PersonBoxes(corners, scores.astype(np.float32)))
    return images, boxes


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], list[PersonBoxes]]:
    """Pictures of the kind on which the embedded model was trained, and its people's boxes.

    Where nobody is, the heat maps are flat, and a rounding error moves the point of a flat map.
    """
    out = tmp_path_factory.mktemp("rendered") / "easy"
    dataset = CocoDataset.open(*make_folder(Recipe("easy", 12, 104), out))
    boxes = ground_truth_boxes(dataset.ground_truth(), dataset)
    ids = list(dataset.image_ids)
    return [read_rgb(dataset.image_path(i)) for i in ids], [boxes[i] for i in ids]


@pytest.mark.parametrize("card", HRNET_CARDS, ids=lambda card: card.name)
def test_the_cards_say_what_mmposes_configurations_say(card: ModelCard) -> None:
    require_mmpose()
    from posebench_adapters._mmpose_config import find_config, read_config
    from posebench_adapters._mmpose_heatmaps import describe

    head = describe(read_config(find_config(card.aliases[0])))
    height, width = card.input_size
    size = {"preprocess": {"input_height": height, "input_width": width}}
    assert resolve_protocol(size, card.protocol) == resolve_protocol(head.protocol)
    assert (head.skeleton, head.num_keypoints) == (card.skeleton, 17)


def test_exported_w32_gives_mmposes_tensors_and_people(w32: Path, coco_mini: Path) -> None:
    """With random weights: equal inputs, and the decoding of equal maps, flip test included."""
    import torch

    card = resolve_reference(W32).card
    protocol = protocol_of(card, w32)
    exported = adapter.load(card, w32, protocol, session)
    native = adapter.load(card, w32, protocol, None)
    images, boxes = people(coco_mini, 2)
    prepared = exported.preprocess(images, boxes)  # type: ignore[attr-defined]
    network = native._network  # type: ignore[attr-defined]
    for one in prepared:
        with torch.no_grad():
            expected = network.head(network.extract_feat(torch.from_numpy(one.tensor))).numpy()
        found = exported._run(one.tensor)  # type: ignore[attr-defined]
        assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    assert exported.cost().params == pytest.approx(28.5e6, rel=0.01)
    assert exported.cost().gflops == pytest.approx(2 * 7.7, rel=0.02)  # mmpose counts MACs


@pytest.mark.parametrize("flip", [False, True])
def test_trained_weights_find_the_same_people_natively_and_exported(
    demo: Path, rendered: Any, flip: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRUST_CONFIGS_VARIABLE, f"sha256:{file_sha256(DEMO_CONFIG)}")
    card = adapter.card_for(DEMO_CONFIG)
    protocol = protocol_of(card, demo, augmentation={"flip_test": flip})
    images, boxes = rendered
    native = adapter.load(card, demo, protocol, None).predict(images, boxes)
    exported = adapter.load(card, demo, protocol, session).predict(images, boxes)
    for theirs, ours in zip(native, exported, strict=True):
        assert theirs.source_boxes is not None and ours.source_boxes is not None
        assert np.array_equal(theirs.source_boxes, ours.source_boxes)
        assert np.abs(theirs.keypoints - ours.keypoints).max() <= 0.05
        assert np.abs(theirs.scores - ours.scores).max() <= 1e-4


def test_the_embedded_file_is_what_the_checkpoint_exports_to(
    demo: Path, rendered: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRUST_CONFIGS_VARIABLE, f"sha256:{file_sha256(DEMO_CONFIG)}")
    images, boxes = rendered
    card = adapter.card_for(DEMO_CONFIG)
    again = adapter.load(card, demo, protocol_of(card, demo), session).predict(images, boxes)
    packaged = HRNET_DEMO.weights[0].packaged
    assert packaged is not None
    protocol = protocol_of(HRNET_DEMO, packaged)
    embedded = adapter.load(HRNET_DEMO, packaged, protocol, session).predict(images, boxes)
    for one, other in zip(again, embedded, strict=True):
        assert np.abs(one.keypoints - other.keypoints).max() <= 0.05


def test_nobody_is_invented_where_there_are_no_boxes(demo: Path, coco_mini: Path) -> None:
    (image,) = pictures(coco_mini, 1)
    flat = PersonBoxes(np.array([[5, 5, 5, 80]], np.float32), np.ones(1, np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TRUST_CONFIGS_VARIABLE, f"sha256:{file_sha256(DEMO_CONFIG)}")
        card = adapter.card_for(DEMO_CONFIG)
        protocol = protocol_of(card, demo)
        models: list[PoseModel] = [adapter.load(card, demo, protocol, o) for o in (None, session)]
    for model in models:
        for boxes in (PersonBoxes.none(), flat):
            assert len(model.predict([image], [boxes])[0]) == 0
        with pytest.raises(InputError, match="--boxes"):
            model.predict([image])


def test_native_inference_refuses_what_mmpose_would_not_do(w32: Path) -> None:
    card = resolve_reference(W32).card
    for section, field, value in (
        ("top_down", "decode", "dark"),
        ("top_down", "box_padding", 1.0),
        ("preprocess", "color", "bgr"),
    ):
        protocol = protocol_of(card, w32, **{section: {field: value}})
        with pytest.raises(InputError, match=f"{section}.{field}"):
            adapter.load(card, w32, protocol, None)


def test_a_checkpoint_of_another_configuration_is_refused(w32: Path) -> None:
    card = resolve_reference("hrnet-w48").card
    with pytest.raises(WeightsError, match="another configuration"):
        adapter.load(card, w32, protocol_of(card, w32), session)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("rtmpose-s_8xb256-420e_coco-256x192", "SimCC"),
        ("td-hm_hrnet-w32_8xb64-210e_coco-256x129", "Did you mean"),
        ("td-hm_4xmspn50_8xb32-210e_coco-256x192", "MegviiHeatmap"),
    ],
)
def test_a_configuration_that_is_no_heat_map_model_is_named(config: str, message: str) -> None:
    require_mmpose()
    with pytest.raises(InputError, match=message):
        adapter.card_for(Path(config))


def test_a_configuration_of_the_users_is_run_only_if_it_is_trusted() -> None:
    require_mmpose()
    with pytest.raises(InputError, match="--trust-config sha256:"):
        adapter.card_for(DEMO_CONFIG)


@pytest.mark.parametrize(
    ("config", "decode"),
    [
        ("td-hm_res50_8xb64-210e_coco-256x192", "quarter-shift"),
        ("td-hm_hrnet-w32_udp-regress-8xb64-210e_coco-256x192", "udp-offset"),
        ("td-hm_ViTPose-small_8xb64-210e_coco-256x192", "udp-dark"),
        ("td-hm_hrnet-w32_8xb64-210e_crowdpose-256x192", "quarter-shift"),
    ],
)
def test_any_other_heat_map_configuration_has_a_card(config: str, decode: str) -> None:
    require_mmpose()
    card = adapter.card_for(Path(config))
    assert card.protocol["top_down"]["decode"] == decode
    assert card.skeleton == ("crowdpose14" if "crowdpose" in config else "coco17")


def test_without_mmpose_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from importlib.metadata import PackageNotFoundError

    from posebench_adapters import _mmpose_import

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"x")
    card = resolve_reference(W32).card
    for found, message in ((missing, "not installed"), (lambda name: "2.0.0", "1.x is needed")):
        monkeypatch.setattr(_mmpose_import, "version", found)
        with pytest.raises(MissingExtraError, match=message) as error:
            adapter.load(card, weights, protocol_of(card, weights), session)
        assert "posebench[mmpose]" in error.value.remedy


def mmpose_figures(demo: Path, coco_mini: Path, boxes: Path | None, flip: bool) -> dict[str, float]:
    """What mmpose's own runner, data set and evaluator make of the checkpoint."""
    from mmengine.config import Config
    from mmengine.runner import Runner

    annotations = str(coco_mini / "person_keypoints.json")
    config = Config(trusted_config().to_dict())
    dataset = {
        **config.test_dataloader.dataset,
        "ann_file": annotations,
        "data_prefix": {"img": f"{coco_mini / 'images'}/"},
        "test_mode": True,
        **({"bbox_file": str(boxes)} if boxes else {}),
    }
    config.model.test_cfg.flip_test = flip
    config.merge_from_dict(
        {
            "default_scope": "mmpose",
            "work_dir": str(demo.parent / "work"),
            "load_from": str(demo),
            "test_cfg": {},
            "test_dataloader": {
                "batch_size": 16,
                "num_workers": 0,
                "sampler": {"type": "DefaultSampler", "shuffle": False},
            },
            "test_evaluator": {"type": "CocoMetric", "ann_file": annotations},
        }
    )
    config.test_dataloader.dataset = dataset
    found: dict[str, float] = Runner.from_cfg(config).test()
    return found


def posebench_figures(
    demo: Path, coco_mini: Path, boxes: Path | None, flip: bool
) -> Mapping[str, Any]:
    dataset = CocoDataset.open(coco_mini / "person_keypoints.json", coco_mini / "images")
    truth = dataset.ground_truth()
    given = read_box_file(boxes, dataset).boxes if boxes else ground_truth_boxes(truth, dataset)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TRUST_CONFIGS_VARIABLE, f"sha256:{file_sha256(DEMO_CONFIG)}")
        card = adapter.card_for(DEMO_CONFIG)
        protocol = protocol_of(card, demo, augmentation={"flip_test": flip})
        model = adapter.load(card, demo, protocol, session)
    ids = list(dataset.image_ids)
    people = [model.predict([read_rgb(dataset.image_path(i))], [given[i]])[0] for i in ids]
    detections = to_detections(collect(ids, people), truth.image_ids)
    return {name: figure.value for name, figure in score(truth, detections).keypoints.items()}


@pytest.mark.parametrize(
    ("people", "source", "flip"),
    [("photographs", "ground-truth", True), ("rendered", "file", False)],
)
def test_the_whole_evaluation_gives_the_ap_of_mmposes_own(
    demo: Path, coco_mini: Path, tmp_path: Path, people: str, source: str, flip: bool
) -> None:
    """Pictures and weights in, AP out: every step of ours against every step of mmpose's."""
    folder = coco_mini if people == "photographs" else tmp_path / "rendered"
    if people == "rendered":
        make_folder(Recipe("easy", 40, 104), folder)
    boxes = noisy_boxes(folder, tmp_path / "boxes.json") if source == "file" else None
    theirs = mmpose_figures(demo, folder, boxes, flip)
    ours = posebench_figures(demo, folder, boxes, flip)
    names = {"AP": "AP", "AP .5": "AP50", "AP .75": "AP75", "AR": "AR"}
    for their_name, name in names.items():
        assert ours[name] == pytest.approx(theirs[f"coco/{their_name}"], abs=1e-3), name
    assert ours["AP"] > (0.7 if people == "rendered" else 0.02)


def noisy_boxes(coco_mini: Path, path: Path) -> Path:
    """Detections: people's boxes moved a little, some twice, and some where nobody is."""
    document = json.loads((coco_mini / "person_keypoints.json").read_text())
    generator = np.random.default_rng(1)
    entries = []
    for person in [p for p in document["annotations"] if not p["iscrowd"]] * 2:
        box = np.array(person["bbox"]) + generator.normal(0, 0.05, 4) * max(person["bbox"][2:])
        box[2:] = np.maximum(box[2:], 4)
        entry = {"image_id": person["image_id"], "category_id": 1, "bbox": box.tolist()}
        entries.append(entry | {"score": float(generator.uniform(0.05, 1))})
    path.write_text(json.dumps(entries))
    return path
