"""The archives that containerd imports."""

from __future__ import annotations

import hashlib
import json
import tarfile
from typing import TYPE_CHECKING, Any

from lab import oci
from lab.images import Tree

if TYPE_CHECKING:
    from pathlib import Path


def blobs(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        return {m.name: opened.extractfile(m).read() for m in opened if m.isfile()}  # type: ignore[union-attr]


def test_every_reference_of_an_archive_leads_to_its_content(tmp_path: Path):
    """From index over manifest to configuration and layers, digests and sizes are right."""
    layers = [tmp_path / "one.tar", tmp_path / "two.tar"]
    for layer in layers:
        layer.write_bytes(layer.name.encode() * 100)
    oci.pack("docker.io/a/b:1", layers, {"User": "me"}, tmp_path / "out.tar")
    found = blobs(tmp_path / "out.tar")

    def follow(reference: dict[str, Any]) -> bytes:
        content = found["blobs/" + reference["digest"].replace(":", "/")]
        assert len(content) == reference["size"]
        assert hashlib.sha256(content).hexdigest() == reference["digest"].partition(":")[2]
        return content

    (top,) = json.loads(found["index.json"])["manifests"]
    manifest = json.loads(follow(top))
    config = json.loads(follow(manifest["config"]))

    assert top["annotations"]["io.containerd.image.name"] == "docker.io/a/b:1"
    assert config["config"] == {"User": "me"}
    assert [follow(layer) for layer in manifest["layers"]] == [f.read_bytes() for f in layers]
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]


def test_a_folder_gives_its_owner_to_all_below_it(tmp_path: Path):
    """The nearest folder with an owner decides; everything else is root's."""
    tree = Tree(tmp_path / "root")
    tree.folder("opt/kafka", (1000, 1000))
    tree.folder("opt/kafka/secret", (7, 8), 0o700)
    for path in ("opt/kafka/libs/a.jar", "opt/kafka/secret/key", "opt/other"):
        tree.write(path, "x")
    tree.pack(tmp_path / "layer.tar")
    with tarfile.open(tmp_path / "layer.tar") as layer:
        owners = {m.name.removeprefix("./"): (m.uid, m.gid) for m in layer}

    assert owners["opt/kafka/libs/a.jar"] == (1000, 1000)
    assert owners["opt/kafka/secret/key"] == (7, 8)
    assert owners["opt/other"] == owners["opt"] == (0, 0)
