"""The commands ``train``, ``test`` and ``export``: parse, call the package, print what came out."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rdpose.experiments import Experiment
    from rdpose.network import PoseNetwork
    from rdpose.training.options import TrainOptions


class VariantChoice(str, Enum):
    """Of the model."""

    bare = "bare"
    as_published = "as-published"
    fixed = "fixed"
    perturbed = "perturbed"


class InferenceChoice(str, Enum):
    """With or without decoupling."""

    plain = "plain"
    fdm = "fdm"


Cfg = Annotated[
    str, typer.Option(help="Name of the run, such as w32_256x192, or the yaml's file name.")
]
Data = Annotated[Path, typer.Option(help="Folder with coco/ or mpii/.")]
Checkpoint = Annotated[
    Path, typer.Option(help="model.safetensors of a run, or HRNet's own pose_hrnet_*.pth.")
]
Inference = Annotated[InferenceChoice, typer.Option(help="Of the trained network.")]
Device = Annotated[str | None, typer.Option(help="Such as cpu or cuda:0.")]


def train(  # noqa: PLR0913
    cfg: Cfg,
    data: Data = Path("data"),
    variant: Annotated[VariantChoice, typer.Option(help="Of the model.")] = VariantChoice.fixed,
    pretrained: Annotated[
        Path | None, typer.Option(help="ImageNet weights, such as hrnet_w32-36af842e.pth.")
    ] = None,
    inference: Inference = InferenceChoice.plain,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Also moves the steps of the learning rate.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="People a process.")] = None,
    seed: Annotated[int, typer.Option(help="Of all random choices.")] = 0,
    ema_decay: Annotated[
        float, typer.Option(help="Average weights over the steps, e.g. 0.9998; 0 does not.")
    ] = 0.0,
    precision: Annotated[str, typer.Option(help="32-true, bf16-mixed or 16-mixed.")] = "32-true",
    workers: Annotated[int, typer.Option(help="Processes that load pictures.")] = 2,
    devices: Annotated[str, typer.Option(help="How many, or auto.")] = "auto",
    accelerator: Annotated[str, typer.Option(help="cpu, gpu or auto.")] = "auto",
    resume: Annotated[Path | None, typer.Option(help="A last.ckpt of the same run.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder that is written to; runs/rdpose, or that of --resume."),
    ] = None,
) -> None:
    """Train on data/coco (train2017) or data/mpii (train)."""
    from rdpose.experiments import experiment
    from rdpose.training.fit import fit
    from rdpose.training.validation import read_training_data

    run = experiment(cfg, variant.value)
    given = {
        "batch_size": run.options.batch_size if batch_size is None else batch_size,
        "seed": seed,
        "ema_decay": ema_decay,
        "precision": precision,
        "workers": workers,
        "devices": int(devices) if devices.isdecimal() else devices,
        "accelerator": accelerator,
        "inference": inference.value,
        "resume": resume,
        "out": out or (resume.parent if resume else run.options.out),
    }
    options = _options(run, epochs, given)
    found = read_training_data(run.dataset, data, run.model)
    result = fit(_new_network(run, seed, pretrained), found, options)
    typer.echo(f"{result.checkpoint}")
    _print({n.removeprefix("val/"): v for n, v in result.metrics.items() if n.startswith("val/")})


def test(  # noqa: PLR0913
    cfg: Cfg,
    checkpoint: Checkpoint,
    data: Data = Path("data"),
    split: Annotated[
        str | None, typer.Option(help="val2017, test-dev2017; valid or test of MPII.")
    ] = None,
    inference: Inference = InferenceChoice.plain,
    use_gt_bbox: Annotated[
        bool | None,
        typer.Option(
            "--use-gt-bbox/--no-use-gt-bbox",
            help="Annotated boxes or a detector's. The former where they are public, as HRNet's "
            "files have it, unless --boxes is given.",
        ),
    ] = None,
    boxes: Annotated[Path | None, typer.Option(help="File of a detector's boxes.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="People a pass.")] = 32,
    workers: Annotated[int, typer.Option(help="Processes that load pictures.")] = 2,
    device: Device = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder that is written to; by default test-SPLIT-INFERENCE beside the "
            "checkpoint, with -detected or the name of --boxes behind it for a detector's."
        ),
    ] = None,
) -> None:
    """Test on COCO val2017 or test-dev2017, or on MPII."""
    from rdpose.errors import RDPoseError
    from rdpose.experiments import experiment
    from rdpose.testing import EvaluationOptions, evaluate

    if boxes and use_gt_bbox:
        raise RDPoseError("--boxes and --use-gt-bbox contradict each other. Give one of them.")
    run = experiment(cfg)
    part = split or ("val2017" if run.dataset == "coco" else "valid")
    hidden = run.dataset == "coco" and part.startswith("test")
    annotated = not (boxes or hidden) if use_gt_bbox is None else use_gt_bbox
    whose = "" if annotated else f"-{boxes.stem}" if boxes else "-detected"
    folder = out or checkpoint.parent / f"test-{part}-{inference.value}{whose}"
    options = EvaluationOptions(
        part, inference.value, annotated, boxes, batch_size, workers, device, folder, checkpoint
    )
    result = evaluate(_network(checkpoint, run), run.dataset, data, options)
    typer.echo(f"{result.predictions}: {result.people} people, boxes of {result.boxes}")
    if result.reason:
        typer.echo(f"figures are missing: {result.reason}")
    _print(result.figures)


def export(
    checkpoint: Checkpoint,
    inference: Inference = InferenceChoice.plain,
    out: Annotated[Path, typer.Option(help="File that is written.")] = Path("rdpose.onnx"),
    cfg: Annotated[
        str | None, typer.Option(help="Name of the run, which HRNet's own weights do not tell.")
    ] = None,
) -> None:
    """Write the network as ONNX."""
    from rdpose.experiments import experiment
    from rdpose.export import export_onnx
    from rdpose.inference import check_inference

    network = _network(checkpoint, experiment(cfg) if cfg else None)
    check_inference(network.config, inference.value)
    export_onnx(network, out, mode=inference.value)
    typer.echo(f"{out}")


def main() -> None:
    """Run the command line; 2 is the exit code of what the user can put right."""
    from pydantic import ValidationError

    from rdpose.errors import RDPoseError

    app = typer.Typer(
        name="rdpose",
        help="Train, test and export RDPose networks.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for command in (train, test, export):
        app.command()(command)
    try:
        app()
    except (RDPoseError, ValidationError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)


def _network(checkpoint: Path, run: Experiment | None) -> PoseNetwork:
    from rdpose.loading import load_network

    return load_network(checkpoint, run.model if run else None)


def _options(run: Experiment, epochs: int | None, given: Mapping[str, Any]) -> TrainOptions:
    options = run.options if epochs is None else run.options.shortened(epochs)
    return type(options).model_validate({**options.model_dump(), **given})


def _new_network(run: Experiment, seed: int, pretrained: Path | None) -> PoseNetwork:
    """The same one in every process, and again."""
    import torch

    from rdpose.checkpoint import load_backbone
    from rdpose.network import PoseNetwork

    torch.manual_seed(seed)
    network = PoseNetwork(run.model)
    if pretrained:
        load_backbone(network, pretrained)
    return network


def _print(figures: Mapping[str, float | None]) -> None:
    for name, value in figures.items():
        missing = value is None or math.isnan(value)
        typer.echo(f"{name:10} {'-' if missing else f'{value:.4f}'}")
