"""Words for a Record's runtime, machine and protocol, the same on every page and picture."""

from __future__ import annotations

from posebench.config import EvalProtocol, Pckh
from posebench.record import Environment, Record, Runtime


def runtime_text(runtime: Runtime) -> str:
    """E.g. ``onnxruntime 1.20.1, CPUExecutionProvider, fp32, cpu, 1 thread``."""
    parts = [f"{runtime.name} {runtime.version}", runtime.provider, runtime.precision]
    options = (f"{name}={value}" for name, value in runtime.options.items())
    return ", ".join([*parts, runtime.device, counted(runtime.threads, "thread"), *options])


def machine_text(environment: Environment) -> str:
    """Processor, memory, GPU and system of the machine that measured."""
    gpu = environment.gpu or "no GPU"
    driver = f" (driver {environment.gpu_driver})" if environment.gpu_driver else ""
    memory = f"{environment.memory_mb / 1024:.0f} GiB"
    processor = f"{environment.cpu}, {counted(environment.cpu_cores, 'core')}, {memory}"
    return f"{processor}, {gpu}{driver}, {environment.os}, Python {environment.python}"


def dataset_text(record: Record) -> str:
    """Name, size and identity of what was scored, or ``""``."""
    dataset = record.dataset
    if dataset is None:
        return ""
    size = f"{counted(dataset.images, 'picture')}, {dataset.people} people with keypoints"
    return f"{dataset.name}, {size}, identity {dataset.identity[:12]}"


def evaluation_text(record: Record) -> str:
    """How predictions became figures, or ``""``."""
    if record.protocol is None or record.dataset is None:
        return ""
    evaluation, augmentation = record.protocol.evaluation, record.protocol.augmentation
    given = evaluation.sigmas is not None
    sigmas = "given by the user" if given else f"of {record.dataset.skeleton}"
    scales = ", ".join(f"{scale:g}" for scale in augmentation.scales)
    told = ", boxes of the annotations" if record.protocol.boxes == "ground-truth" else ""
    if record.protocol.pckh is not None:
        flip = "yes" if augmentation.flip_test else "no"
        return f"{_pckh_text(record.protocol.pckh)}, flip test: {flip}, test scales: {scales}{told}"
    return (
        f"{evaluation.max_dets} people scored a picture, ground-truth area: {record.dataset.area}, "
        f"detection area: {evaluation.detection_area}, ties: {evaluation.ties}, "
        f"sigmas {sigmas}, flip test: {'yes' if augmentation.flip_test else 'no'}, "
        f"test scales: {scales}{told}"
    )


def _pckh_text(pckh: Pckh) -> str:
    """How a joint became right or wrong."""
    mapped = "" if pckh.mapping == "none" else f", keypoints mapped: {pckh.mapping}"
    return f"PCKh, right: distance / head size {pckh.comparison} threshold{mapped}"


def input_text(protocol: EvalProtocol) -> str:
    """E.g. ``640x640 letterbox``: height, width in pixels and how a picture is fitted to it."""
    preprocess = protocol.preprocess
    how = "crop" if protocol.top_down else preprocess.resize
    return f"{preprocess.input_height}x{preprocess.input_width} {how}"


def postprocess_text(protocol: EvalProtocol) -> str:
    """E.g. ``score ≥ 0.001, box-iou NMS 0.7, at most 300 people``."""
    post = protocol.postprocess
    nms = {"none": "no NMS", "in-graph": "NMS in the network"}
    suppression = nms.get(post.nms, f"{post.nms} NMS {post.nms_threshold:g}")
    kept = f"{suppression}, at most {post.max_detections} people"
    top_down = protocol.top_down
    if top_down is None:
        return f"score ≥ {post.score_threshold:g}, {kept}"
    return (
        f"{top_down.box_padding:g} x box, {top_down.warp} warp, {top_down.decode}, "
        f"rank by {post.score_mode}, {kept}"
    )


def boxes_text(record: Record) -> str:
    """Where a top-down model's boxes came from, or ``""``."""
    boxes = record.boxes
    if boxes is None:
        return ""
    source = "of the annotations" if boxes.source == "ground-truth" else f"of {boxes.label}"
    least = f", score ≥ {boxes.score_threshold:g}" if boxes.score_threshold else ""
    return f"boxes {source}{least}"


def status_text(record: Record) -> str:
    """``ok``, or the status with what happened and what to do about it, on one line."""
    failure = record.failure
    if failure is None:
        return record.status
    told = f"{sentence(f'{record.status}: {failure.message}')} {failure.remedy}"
    return " ".join(told.split())


def unreadable_text(record: Record, *, shown: int = 5) -> str:
    """Which pictures could not be read, or ``""``; at most ``shown`` of them by name."""
    names = record.dataset.undecodable if record.dataset else ()
    if not names:
        return ""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    listed = ", ".join(names[:shown])
    return f"{counted(len(names), 'picture')} unreadable, scored as empty: {listed}{more}"


def sentence(text: str) -> str:
    """The text with a full stop at its end."""
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def counted(number: int, noun: str) -> str:
    """E.g. ``1 thread``, ``2 threads``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
