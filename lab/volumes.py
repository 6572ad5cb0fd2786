"""
Storage classes of the lab, and the provisioner that serves two of them.

`standard` (the default) makes a folder on the node; `sized` a small file system that is full
when its size is used up. Both wait for the first consumer, can grow, and hold a `lost+found`
as a fresh disk does. `immediate` binds at once. `static` has no provisioner: tests bring their
own volumes. `absent` names a provisioner that is not installed.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lab.places import NODE
from lab.shell import run

if TYPE_CHECKING:
    from pathlib import Path

    from lab.api import Api, Object

PROVISIONER: Final = "lab.learnflow.dev/local"
_SELECTED: Final = "volume.kubernetes.io/selected-node"
_BY: Final = "pv.kubernetes.io/provisioned-by"
_CLASSES: Final = "/apis/storage.k8s.io/v1/storageclasses"
_VOLUMES: Final = "/api/v1/persistentvolumes"
_UNITS: Final = {
    "": 1,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
}


@dataclass(frozen=True, slots=True)
class StorageClass:
    """One class of the lab."""

    name: str
    provisioner: str = PROVISIONER
    waits: bool = True
    default: bool = False
    grows: bool = False

    def as_object(self) -> Object:
        """The object for the API server."""
        default = {"storageclass.kubernetes.io/is-default-class": str(self.default).lower()}
        return {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": self.name, "annotations": default},
            "provisioner": self.provisioner,
            "volumeBindingMode": "WaitForFirstConsumer" if self.waits else "Immediate",
            "allowVolumeExpansion": self.grows,
        }


SIZED: Final = StorageClass("sized", grows=True)
CLASSES: Final = (
    StorageClass("standard", default=True, grows=True),
    SIZED,
    StorageClass("immediate", waits=False),
    StorageClass("static", provisioner="kubernetes.io/no-provisioner"),
    StorageClass("absent", provisioner="ebs.csi.aws.com", waits=False),
)


def local_volume(name: str, path: Path, size: str, storage_class: str, node: str = NODE) -> Object:
    """
    A volume that is a folder of a node, as an object.

    Not a hostPath: there fsGroup is ignored, and no user but root could write.
    """
    is_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": storage_class,
            "local": {"path": str(path)},
            "nodeAffinity": {
                "required": {"nodeSelectorTerms": [{"matchExpressions": [is_node]}]},
            },
        },
    }


class Provisioner:
    """Makes, grows and removes the volumes of its classes; called again and again."""

    def __init__(self, api: Api, folder: Path) -> None:
        self._api = api
        self._folder = folder
        self._ours = {c.name: c for c in CLASSES if c.provisioner == PROVISIONER}

    def prepare(self) -> None:
        """The classes exist."""
        for storage_class in CLASSES:
            self._api.create(_CLASSES, storage_class.as_object())

    def step(self) -> None:
        """Look at all claims and volumes once."""
        for claim in self._api.items("/api/v1/persistentvolumeclaims"):
            if claim["spec"].get("storageClassName") in self._ours:
                self._serve(claim)
        for volume in self._api.items(_VOLUMES):
            mine = volume["metadata"].get("annotations", {}).get(_BY) == PROVISIONER
            if mine and volume["status"].get("phase") == "Released":
                self._remove(volume)

    def _serve(self, claim: Object) -> None:
        storage_class = self._ours[claim["spec"]["storageClassName"]]
        phase = claim.get("status", {}).get("phase")
        if "deletionTimestamp" in claim["metadata"]:
            return
        if phase == "Bound":
            self._grow(claim, storage_class)
            return
        node = claim["metadata"].get("annotations", {}).get(_SELECTED)
        if (
            phase == "Pending"
            and not claim["spec"].get("volumeName")
            and (node or not storage_class.waits)
        ):
            self._make(claim, storage_class, node or NODE)

    def _make(self, claim: Object, storage_class: StorageClass, node: str) -> None:
        meta = claim["metadata"]
        name = f"pvc-{meta['uid']}"
        size = claim["spec"]["resources"]["requests"]["storage"]
        path = self._folder / name
        (path / "lost+found").mkdir(parents=True, exist_ok=True)
        if storage_class is SIZED and not path.is_mount():
            run("mount", "-t", "tmpfs", "-o", f"size={in_bytes(size)}", "tmpfs", path)
            (path / "lost+found").mkdir()
        (path / "lost+found").chmod(0o700)
        volume = local_volume(name, path, size, storage_class.name, node)
        volume["metadata"]["annotations"] = {_BY: PROVISIONER}
        volume["spec"]["persistentVolumeReclaimPolicy"] = "Delete"
        volume["spec"]["accessModes"] = claim["spec"]["accessModes"]
        volume["spec"]["claimRef"] = {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"],
        }  # fmt: skip
        self._api.create(_VOLUMES, volume)

    def _grow(self, claim: Object, storage_class: StorageClass) -> None:
        wanted = claim["spec"]["resources"]["requests"]["storage"]
        has = claim["status"].get("capacity", {}).get("storage", wanted)
        if not storage_class.grows or in_bytes(wanted) <= in_bytes(has):
            return
        name, meta = claim["spec"]["volumeName"], claim["metadata"]
        if storage_class is SIZED:
            size = f"remount,size={in_bytes(wanted)}"
            run("mount", "-o", size, self._folder / name)
        self._api.patch(f"{_VOLUMES}/{name}", {"spec": {"capacity": {"storage": wanted}}})
        self._api.patch(
            f"/api/v1/namespaces/{meta['namespace']}/persistentvolumeclaims/{meta['name']}/status",
            {"status": {"capacity": {"storage": wanted}}},
        )

    def _remove(self, volume: Object) -> None:
        if volume["spec"]["persistentVolumeReclaimPolicy"] != "Delete":
            return
        name = volume["metadata"]["name"]
        path = self._folder / name
        if path.is_mount():
            run("umount", "--lazy", path)
        shutil.rmtree(path, ignore_errors=True)
        self._api.delete(f"{_VOLUMES}/{name}")


def in_bytes(quantity: str) -> int:
    """A quantity of storage, such as `1Gi`."""
    match = re.fullmatch(r"(\d+)([A-Za-z]*)", quantity)
    if match is None:
        raise ValueError(quantity)
    return int(match[1]) * _UNITS[match[2]]
