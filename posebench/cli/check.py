"""``posebench check``: does an adapter keep the contract?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posebench.cli.options import FAILED


def check(
    model: Annotated[str, typer.Argument(help="Name, alias or onnx:FILE, optional =WEIGHTS.")],
    images: Annotated[
        Path | None, typer.Option(help="Folder of pictures with people; rendered ones if absent.")
    ] = None,
    runtime: Annotated[
        str | None, typer.Option(help="onnxruntime, openvino, torch or native.")
    ] = None,
    trust_config: Annotated[
        list[str] | None,
        typer.Option(help="sha256:HEX of a Python configuration that may be run."),
    ] = None,
) -> None:
    """Run the conformance suite on one model."""
    from posebench.checking import check_request
    from posebench.checkpoints import trusted_configs
    from posebench.registry import select

    results = []
    with trusted_configs(trust_config or ()):
        for request in select([model]):
            typer.echo(request.label, err=True)
            for result in check_request(request, runtime=runtime, images=images):
                results.append(result)
                typer.echo(f"{result.status}  {result.name}  {result.detail}".rstrip())
    failed = sum(result.status == "fail" for result in results)
    typer.echo(f"{len(results)} checks, {failed} failed", err=True)
    raise typer.Exit(FAILED if failed else 0)
