"""mmpose's configurations: found by name, and run only if they may be.

A configuration is a Python program. Those of the installed packages are run; a user's own is run
only if its digest is named, and so is every file that it builds on.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from posebench_adapters._mmpose_import import check_installed, import_mmpose, quiet

from posebench.cache import file_sha256
from posebench.checkpoints import TRUST_CONFIGS_VARIABLE, is_trusted
from posebench.errors import InputError

_PACKAGES = ("mmpose", "mmdet")
_BASE = "_base_"


def find_config(name: str) -> Path:
    """A configuration by its name or path; nothing is run.

    Args:
        name: File name without suffix of one that comes with mmpose
            (``td-hm_hrnet-w32_8xb64-210e_coco-256x192``), its path below mmpose's ``configs``, or
            the path of a ``.py`` of the user's.

    Raises:
        InputError: There is none of that name; the message names the nearest ones.
        MissingExtraError: mmpose is not installed.
    """
    own = Path(name).expanduser()
    if own.suffix == ".py" and own.is_file():
        return own.resolve()
    check_installed()
    installed = {path.stem: path for root in config_roots()[:1] for path in root.rglob("*.py")}
    wanted = Path(name).name.removesuffix(".py")
    found = installed.get(wanted)
    if found is not None and found.with_suffix("").as_posix().endswith(name.removesuffix(".py")):
        return found
    near = difflib.get_close_matches(wanted, installed, n=3, cutoff=0.6)
    raise InputError(
        f"mmpose has no configuration {name!r}, and it is no file.",
        remedy=f"Did you mean {', '.join(near)}?" if near else "Give the path of a .py file.",
    )


def read_config(path: Path) -> Any:
    """Run a configuration.

    Returns:
        mmengine's ``Config``.

    Raises:
        InputError: It or a file that it builds on is not trusted, cannot be read or fails.
        MissingExtraError: mmpose is not installed.
    """
    import_mmpose()
    path = path.resolve()
    try:
        _check_trust(path, seen=set())
        with quiet():
            config = import_module("mmengine.config").Config.fromfile(path)
    except InputError:
        raise
    except Exception as error:  # a program fails in any way it likes
        raise InputError(f"{path}: the configuration cannot be read: {error!r}.") from error
    if "model" not in config:
        raise InputError(f"{path}: the configuration has no `model`.")
    return config


def pinned_metainfo(name: str) -> str:
    """The installed file of a data set's description.

    A configuration names it by a relative path, and mmpose would run a file of that name below the
    working directory first.

    Raises:
        InputError: It is another file, and not trusted.
    """
    installed = config_roots()[0] / "_base_" / "datasets" / Path(name).name
    if installed.is_file():
        return str(installed)
    own = Path(name).resolve()
    if not own.is_file():
        raise InputError(f"{name}: no such data set description comes with mmpose.")
    _check_trust(own, seen=set())
    return str(own)


def config_roots() -> list[Path]:
    """Folders of the configurations that come with the installed packages, mmpose's first."""
    specs = [find_spec(package) for package in _PACKAGES]
    places = [Path(p) for s in specs if s for p in s.submodule_search_locations or ()]
    return [(place / ".mim" / "configs").resolve() for place in places]


def _check_trust(path: Path, seen: set[Path]) -> None:
    """Refuse a file, or one that it builds on, that is neither installed nor named by digest."""
    if path in seen or any(path.is_relative_to(root) for root in config_roots()):
        return
    seen.add(path)
    if not path.is_file():
        raise InputError(f"{path}: no such configuration.")
    if not is_trusted(path, TRUST_CONFIGS_VARIABLE):
        raise InputError(
            f"{path}: a configuration is a program, and this one did not come with mmpose.",
            remedy=f"If you trust it, pass --trust-config sha256:{file_sha256(path)}",
        )
    for base in _bases(path):
        _check_trust(base, seen)


def _bases(path: Path) -> Iterator[Path]:
    """The files that a configuration builds on, where mmengine will look for them."""
    config = import_module("mmengine.config").Config
    for name in _base_names(path):
        found, _ = config._get_cfg_path(name, str(path))
        yield Path(found).resolve()


def _base_names(path: Path) -> list[str]:
    """What ``_base_`` says, read without running the file; {{variables}} cannot be followed so."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if any(isinstance(node, ast.With) for node in ast.walk(tree)):
        raise InputError(
            f"{path}: configurations that import others (`with read_base()`) are not supported.",
            remedy=f"Name what it builds on in `{_BASE}`.",
        )
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.Assign) and isinstance(target, ast.Name) and target.id == _BASE:
            return _literal_names(path, node.value)
    return []


def _literal_names(path: Path, value: ast.expr) -> list[str]:
    try:
        found = ast.literal_eval(value)
    except ValueError:
        found = None
    names = found if isinstance(found, list) else [found]
    if not all(isinstance(name, str) and "{{" not in name for name in names):
        raise InputError(f"{path}: `{_BASE}` must be a string or a list of strings.")
    return [str(name) for name in names]
