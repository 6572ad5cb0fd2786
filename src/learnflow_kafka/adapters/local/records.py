"""What stands on disk of a cluster: its record, its folders, and where to find it by name."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from learnflow_kafka.adapters.local import errors
from learnflow_kafka.core.local import Cluster, Declaration, Mode, Node, Role
from learnflow_kafka.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

RECORD: Final = "cluster.json"
LOCK: Final = ".lock"
_ELSEWHERE: Final = "elsewhere.json"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\Z")
_FORMAT: Final = 1
_HARMLESS: Final = frozenset({LOCK, _ELSEWHERE, "lost+found", ".DS_Store"})
_FRESH: Final = frozenset({"bootstrap.checkpoint", "meta.properties", "meta.properties.new"})
"""What a formatted folder holds that no broker opened yet."""


class Records:
    """The clusters below one folder, by name; a cluster's folder may be elsewhere."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def names(self) -> tuple[str, ...]:
        """Every name that has a record, in order."""
        try:
            found = sorted(entry.name for entry in self._base.iterdir())
        except OSError:
            return ()
        return tuple(name for name in found if _NAME.match(name) and self.find(name))

    def directory(self, name: str) -> Path:
        """
        The cluster's folder, which need not exist yet.

        Raises UsageError for what cannot be a name.
        """
        if not _NAME.match(name):
            raise UsageError(
                f"{name!r} cannot be a cluster's name",
                fix="use small letters, digits and '-', 40 at most",
            )
        home = self._base / name
        try:
            elsewhere = json.loads((home / _ELSEWHERE).read_text(encoding="utf-8"))
            return Path(elsewhere["directory"])
        except (OSError, ValueError, KeyError, TypeError):
            return home

    def find(self, name: str) -> Cluster | None:
        """The cluster's record, or None."""
        return read(self.directory(name))

    def remember(self, name: str, directory: Path) -> None:
        """Keep where the cluster's folder is, if it is not in the usual place."""
        home = self._base / name
        if directory != home:
            home.mkdir(parents=True, exist_ok=True)
            _write_json(home / _ELSEWHERE, {"directory": str(directory)})

    def forget(self, name: str) -> None:
        """Drop what is kept of the name itself; a folder elsewhere is not touched."""
        home = self._base / name
        (home / _ELSEWHERE).unlink(missing_ok=True)
        remove_if_empty(home)


def read(directory: Path) -> Cluster | None:
    """
    The record in a folder, or None where there is none.

    Raises StorageError for a record that cannot be read.
    """
    file = directory / RECORD
    try:
        return _from_json(json.loads(file.read_text(encoding="utf-8")), directory)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise errors.storage(error, "the cluster's record cannot be read") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"the cluster's record is broken or from another version of learnflow ({error})",
            where=str(file),
            fix="mend it, or move the folder away and run `learnflow up`",
        ) from error


def write(cluster: Cluster) -> None:
    """Replace the record, whole or not at all."""
    _write_json(cluster.directory / RECORD, _to_json(cluster))


def require_ours(directory: Path) -> None:
    """
    Raise StorageError where a new cluster could not be made without touching other things.

    What an interrupted making left (folders that no broker ever opened) is not in the way.
    """
    if "," in str(directory):
        raise StorageError(
            "the folder's path holds a comma, which Kafka takes for two folders",
            where=str(directory),
            fix="name another folder with --data DIR",
        )
    try:
        names = {entry.name for entry in directory.iterdir()}
    except FileNotFoundError:
        return
    except OSError as error:
        raise errors.storage(error, "the folder cannot be used") from error
    strange = sorted(n for n in names - _HARMLESS if not _is_node(n) or _used(directory / n))
    if strange:
        raise StorageError(
            f"the folder is not empty and holds no record of a cluster ({strange[0]} is in it)",
            where=str(directory),
            fix="name an empty folder with --data DIR",
        )


def wipe(cluster: Cluster) -> int:
    """Remove the cluster's own files and nothing else; return how many bytes that were."""
    import shutil  # noqa: PLC0415 - only here

    size = 0
    for node in cluster.nodes:
        folder = cluster.directory / node.name
        size += disk_bytes(folder)
        if folder.exists():
            shutil.rmtree(folder)
    (cluster.directory / RECORD).unlink(missing_ok=True)
    (cluster.directory / LOCK).unlink(missing_ok=True)
    remove_if_empty(cluster.directory)
    return size


def disk_bytes(folder: Path) -> int:
    """What the files below a folder take on disk; Kafka's sparse indexes count as they are."""
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512  # noqa: PTH118 - a hot loop
            except OSError:
                continue
    return total


def clear_unmade(directory: Path) -> None:
    """Remove the lock and the folder of a cluster that could not be made."""
    if read(directory) is None:
        with contextlib.suppress(OSError):
            (directory / LOCK).unlink(missing_ok=True)
        remove_if_empty(directory)


def remove_if_empty(folder: Path) -> None:
    """Remove an empty folder; leave any other."""
    try:
        folder.rmdir()
    except OSError:
        return


def _is_node(name: str) -> bool:
    return name == "zookeeper" or re.fullmatch(r"broker-\d+", name) is not None


def _used(node: Path) -> bool:
    """Whether a process ever kept data in the node's folder."""
    try:
        names = {entry.name for entry in (node / "data").iterdir()}
    except OSError:
        return False
    return not names <= _FRESH


def _write_json(file: Path, value: Mapping[str, object]) -> None:
    new = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        new.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
        new.replace(file)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise errors.storage(error, "the cluster's record cannot be written") from error


def _to_json(cluster: Cluster) -> dict[str, object]:
    return {
        "format": _FORMAT,
        "name": cluster.name,
        "cluster_id": cluster.cluster_id,
        "mode": cluster.mode.value,
        "version": cluster.version,
        "containers": cluster.containers,
        "catalog": cluster.declaration.catalog,
        "environment": cluster.declaration.environment,
        "nodes": [
            {
                "id": node.id,
                "roles": [role.value for role in node.roles],
                "port": node.port,
                "controller_port": node.controller_port,
                "containers_port": node.containers_port,
            }
            for node in cluster.nodes
        ],
    }


def _from_json(value: Mapping[str, Any], directory: Path) -> Cluster:
    if value["format"] != _FORMAT:
        raise ValueError(f"format {value['format']}")
    nodes = tuple(
        Node(
            id=int(node["id"]),
            roles=tuple(Role(role) for role in node["roles"]),
            port=node["port"],
            controller_port=node["controller_port"],
            containers_port=node["containers_port"],
        )
        for node in value["nodes"]
    )
    return Cluster(
        name=str(value["name"]),
        cluster_id=str(value["cluster_id"]),
        mode=Mode(value["mode"]),
        version=str(value["version"]),
        directory=directory,
        nodes=nodes,
        containers=value["containers"],
        declaration=Declaration(value["catalog"], value["environment"]),
    )
