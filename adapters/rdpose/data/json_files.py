"""Reading the JSON files of a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rdpose.errors import DatasetError


def load_json(path: Path, remedy: str = "") -> Any:
    """What a JSON file holds.

    Args:
        path: Of the file.
        remedy: Where to get it, for the message.

    Raises:
        DatasetError: It is missing, cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file. {remedy}".rstrip()) from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error}.") from error
    except ValueError as error:
        raise DatasetError(f"{path}: not JSON: {error}.") from error
