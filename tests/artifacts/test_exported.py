from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from posebench.artifacts.exported import artifact, format_of, openvino_file, read_metadata
from posebench.cache import file_sha256
from posebench.errors import InputError


def openvino_folder(folder: Path, metadata: str | None = None) -> Path:
    folder.mkdir()
    (folder / "net.xml").write_text("<net/>")
    (folder / "net.bin").write_bytes(b"1234")
    if metadata is not None:
        (folder / "metadata.yaml").write_text(metadata)
    return folder


def test_formats_are_told_by_suffix_and_content(tmp_path: Path) -> None:
    folder = openvino_folder(tmp_path / "ov")
    assert format_of(folder) == "openvino"
    assert format_of(folder / "net.xml") == "openvino"
    assert format_of(tmp_path) == "folder"
    assert format_of(Path("best.PT")) == "torch"
    assert format_of(Path("a.onnx")) == "onnx"
    assert format_of(Path("a.engine")) == "engine"


def test_an_openvino_file_stands_for_its_folder(tmp_path: Path) -> None:
    folder = openvino_folder(tmp_path / "ov")
    by_file, by_folder = artifact(folder / "net.xml", "network"), artifact(folder, "network")
    assert by_file == by_folder
    assert (by_file.filename, by_file.format, by_file.size_bytes) == ("ov", "openvino", 10)
    assert by_file.sha256 == file_sha256(folder)
    (folder / "net.bin").write_bytes(b"5678")
    assert artifact(folder, "network").sha256 != by_file.sha256


def test_two_networks_in_a_folder_are_ambiguous(tmp_path: Path) -> None:
    folder = openvino_folder(tmp_path / "ov")
    (folder / "other.xml").write_text("<net/>")
    with pytest.raises(InputError, match="has 2"):
        openvino_file(folder)


def test_openvino_metadata_comes_from_the_yaml_beside_it(tmp_path: Path) -> None:
    text = "task: pose\nkpt_shape: [17, 3]\nnames: {0: person}\nend2end: false\n"
    metadata = read_metadata(openvino_folder(tmp_path / "ov", text))
    assert metadata["kpt_shape"] == "[17, 3]"
    assert metadata["names"] == "{0: 'person'}"
    assert metadata["end2end"] == "False"
    assert read_metadata(openvino_folder(tmp_path / "bare")) == {}


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "a: !!python/object/apply:os.getcwd []"])
def test_yaml_that_is_no_plain_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"metadata\.yaml"):
        read_metadata(openvino_folder(tmp_path / "ov", text))


def test_torchscript_metadata_comes_from_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "net.torchscript"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/extra/config.txt", json.dumps({"task": "pose", "stride": 32}))
    assert read_metadata(path) == {"task": "pose", "stride": "32"}
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match="TorchScript"):
        read_metadata(path)
