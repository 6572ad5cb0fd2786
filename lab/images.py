"""
Stand-ins for the official images, made of the jars that the project locks.

No registry is needed: the base is the machine's busybox and bash with the libraries that
they and the Java need, as the official Kafka image is a small Alpine with a Java; so a chart
that leans on GNU tools fails here as it would there. README.md lists what is faithful.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lab import oci
from lab.places import RECIPE
from lab.shell import LabError, run
from learnflow_kafka.adapters.local import distribution, download, java, lock
from learnflow_kafka.core.local import Mode
from learnflow_kafka.wiring.paths import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lab.places import Places

PAUSE: Final = "docker.io/local/pause:1"
USER: Final = 1000
JAVA_HOME: Final = "/opt/java/openjdk"
_ENGINE: Final = "/opt/java/engine"
_PATH: Final = f"{JAVA_HOME}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_JAVA_PARTS: Final = ("bin", "conf", "lib", "release")
_ZOOKEEPER_JARS: Final = re.compile(
    r"(zookeeper|netty|slf4j|reload4j|commons-|audience|snappy|metrics-core|jackson)"
)

TOOLS: Final = {
    "kafka-acls.sh": ("org.apache.kafka.tools.AclCommand", "kafka.admin.AclCommand"),
    "kafka-broker-api-versions.sh": (
        "org.apache.kafka.tools.BrokerApiVersionsCommand", "kafka.admin.BrokerApiVersionsCommand",
    ),
    "kafka-cluster.sh": ("org.apache.kafka.tools.ClusterTool",),
    "kafka-configs.sh": ("kafka.admin.ConfigCommand",),
    "kafka-console-consumer.sh": ("org.apache.kafka.tools.consumer.ConsoleConsumer",),
    "kafka-console-producer.sh": (
        "org.apache.kafka.tools.ConsoleProducer", "kafka.tools.ConsoleProducer",
    ),
    "kafka-consumer-groups.sh": ("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",),
    "kafka-delete-records.sh": ("org.apache.kafka.tools.DeleteRecordsCommand",),
    "kafka-dump-log.sh": (
        "org.apache.kafka.tools.DumpLogSegments", "kafka.tools.DumpLogSegments",
    ),
    "kafka-features.sh": ("org.apache.kafka.tools.FeatureCommand",),
    "kafka-get-offsets.sh": ("org.apache.kafka.tools.GetOffsetShell",),
    "kafka-leader-election.sh": ("org.apache.kafka.tools.LeaderElectionCommand",),
    "kafka-log-dirs.sh": ("org.apache.kafka.tools.LogDirsCommand",),
    "kafka-metadata-quorum.sh": ("org.apache.kafka.tools.MetadataQuorumCommand",),
    "kafka-producer-perf-test.sh": ("org.apache.kafka.tools.ProducerPerformance",),
    "kafka-reassign-partitions.sh": (
        "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    ),
    "kafka-storage.sh": ("kafka.tools.StorageTool",),
    "kafka-topics.sh": ("org.apache.kafka.tools.TopicCommand",),
}  # fmt: skip
"""Kafka's tools by the name of their script: the class in Kafka 4, then in 3.9 if another."""

_RECORD: Final = """
config=/etc/kafka/docker/server.properties bin=/opt/kafka/bin
"$bin/kafka-storage.sh" format --cluster-id 5L6g3nShT-eMCtK--X86sw --config "$config"
export KAFKA_JVM_PERFORMANCE_OPTS=-XX:ArchiveClassesAtExit=/opt/kafka/kafka.jsa
"$bin/kafka-server-start.sh" "$config" >/said 2>&1 &
until grep 'Kafka Server started' /said; do
  sleep 0.2
  kill -0 $! || { cat /said >&2; exit 1; }
done
kill $!
wait $!
ls /opt/kafka/kafka.jsa
"""

_ROOMY: Final = ("kafka-console-consumer.sh", "kafka-console-producer.sh")
"""Kafka gives these 512 MiB where nothing is said; the others 256."""


@dataclass(slots=True)
class Tree:
    """A root file system as it is being put together, and who owns what in it."""

    root: Path
    owners: dict[str, tuple[int, int]] = field(default_factory=dict)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """A file with its text."""
        file = self._place(path)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)

    def copy(self, source: Path, path: str) -> None:
        """A file or a folder, links within it kept."""
        target = self._place(path)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source.resolve(), target)

    def folder(self, path: str, owner: tuple[int, int] = (0, 0), mode: int = 0o755) -> None:
        """A folder; everything below it belongs to `owner`, as user and group id."""
        place = self.root / path.lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(mode)
        self.owners[path.lstrip("/")] = owner

    def run(self, *command: str) -> str:
        """
        What the program says that is run inside, with a loopback of its own.

        The Java there needs /proc, and /dev for random numbers.
        """
        inside = (
            'ip link set lo up && mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && '
            'exec chroot "$0" "$@"'
        )
        return run("unshare", "--mount", "--net", "sh", "-c", inside, self.root, *command)

    def pack(self, layer: Path) -> None:
        """The tree as an uncompressed tar."""
        with tarfile.open(layer, "w") as archive:
            archive.add(self.root, ".", filter=self._owned)

    def _place(self, path: str) -> Path:
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def _owned(self, info: tarfile.TarInfo) -> tarfile.TarInfo:
        name = info.name.removeprefix("./")
        inside = [p for p in self.owners if name == p or name.startswith(f"{p}/")]
        info.uid, info.gid = self.owners[max(inside, key=len)] if inside else (0, 0)
        info.uname = info.gname = ""
        return info


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: its reference and its archive, whose name carries the recipe's key."""

    reference: str
    archive: Path


def references() -> dict[Mode, str]:
    """The Kafka image for each mode."""
    return {mode: f"docker.io/apache/kafka:{version}" for mode, version in lock.VERSIONS.items()}


def zookeeper_version() -> str:
    """The version of ZooKeeper that the lock of Kafka 3.9 holds."""
    jars = lock.read(lock.VERSIONS[Mode.ZOOKEEPER]).jars
    return next(jar.version for jar in jars if jar.artifact == "zookeeper")


def build(places: Places, say: Callable[[str], None]) -> list[Image]:
    """
    Every image of the lab, built if it is missing or its recipe changed.

    Raises LabError where a program of the base is missing, and the errors of a download.
    """
    places.images.mkdir(parents=True, exist_ok=True)
    engine = java.find(os.environ)
    common = _key(RECIPE / "images.py", RECIPE / "oci.py") + engine.version
    wanted = {PAUSE: _key(places.bin / "pause.key")}
    wanted |= {r: _key(RECIPE / "rootfs") + m.value for m, r in references().items()}
    keeper = f"docker.io/library/zookeeper:{zookeeper_version()}"
    wanted[keeper] = _key(RECIPE / "rootfs")
    images = [_image(places, reference, common + key) for reference, key in wanted.items()]
    if all(image.archive.exists() for image in images):
        return images
    say("building the images ...")
    stage = places.images / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    base = _base_layer(stage, engine)
    _pause(places, stage, images[0])
    for image, mode in zip(images[1:], references(), strict=False):
        _kafka(stage, base, image, mode)
    _zookeeper(stage, base, images[-1])
    shutil.rmtree(stage)
    _forget_older(places, images)
    return images


def _image(places: Places, reference: str, key: str) -> Image:
    name = reference.rpartition("/")[2].replace(":", "-")
    short = hashlib.sha256(key.encode()).hexdigest()[:12]
    return Image(reference, places.images / f"{name}-{short}.tar")


def _key(*places: Path) -> str:
    digest = hashlib.sha256()
    for place in places:
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in (f for f in files if f.is_file()):
            digest.update(str(file.relative_to(place.parent)).encode() + file.read_bytes())
    return digest.hexdigest()


def _forget_older(places: Places, images: Iterable[Image]) -> None:
    kept = {image.archive for image in images}
    for archive in places.images.glob("*.tar"):
        if archive not in kept:
            archive.unlink()


def _base_layer(stage: Path, engine: java.Java) -> Path:
    """Busybox, bash, a Java with its class data archive, and the user of the images."""
    tree = Tree(stage / "base")
    busybox, bash = (_program(name) for name in ("busybox", "bash"))
    tree.copy(busybox, "bin/busybox")
    for applet in run(busybox, "--list-full").split():
        link = tree.root / applet
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to("/bin/busybox")
    tree.copy(bash, "bin/bash")
    home = engine.executable.resolve().parent.parent
    for part in _JAVA_PARTS:
        tree.copy(home / part, f"{_ENGINE}/{part}")
    # What runs here runs for seconds or minutes: the quick compiler alone takes 40 % off a start.
    quick = f'#!/bin/sh\nexec {_ENGINE}/bin/java -XX:TieredStopAtLevel=1 "$@"\n'
    tree.write(f"{JAVA_HOME}/bin/java", quick, 0o755)
    for library in _libraries(bash, engine.executable, home / "lib" / "server" / "libjvm.so"):
        tree.copy(library, str(library))
    tree.write(
        "etc/passwd",
        f"root:x:0:0:root:/root:/bin/bash\nappuser:x:{USER}:{USER}::/home/appuser:/bin/bash\n",
    )
    tree.write("etc/group", f"root:x:0:\nappuser:x:{USER}:\n")
    tree.write("etc/nsswitch.conf", "hosts: files dns\n")
    for path in ("proc", "sys", "dev", "root", "run", "var/run", "usr/local/bin"):
        tree.folder(path)
    tree.folder("tmp", mode=0o1777 | stat.S_ISVTX)
    tree.folder("home/appuser", (USER, USER))
    # As the Java of the official images has one; every JVM starts a third faster.
    tree.run(f"{_ENGINE}/bin/java", "-Xshare:dump")
    layer = stage / "base.tar"
    tree.pack(layer)
    return layer


def _program(name: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise LabError(f"{name} is not installed; lab/README.md lists what is needed")
    return Path(found)


def _libraries(*programs: Path) -> set[Path]:
    """The machine's shared libraries that the programs need, the Java's own left out."""
    said = "".join(run("ldd", program) for program in programs)
    found = {Path(word) for word in said.split() if word.startswith("/")}
    java_home = programs[1].resolve().parent.parent
    return {path for path in found if java_home not in path.resolve().parents}


def _pause(places: Places, stage: Path, image: Image) -> None:
    tree = Tree(stage / "pause")
    tree.copy(places.bin / "pause", "pause")
    layer = stage / "pause.tar"
    tree.pack(layer)
    _pack(image, [layer], {"Entrypoint": ["/pause"]})


def _pack(image: Image, layers: list[Path], config: dict[str, object]) -> None:
    made = image.archive.with_suffix(".new")
    oci.pack(image.reference, layers, config, made)
    made.replace(image.archive)


def _jars(version: str) -> tuple[Path, ...]:
    """The locked jars, downloaded if they are missing."""
    fetching = distribution.ensure(lock.read(version), paths().cache, download.registry)
    while True:
        try:
            next(fetching)
        except StopIteration as done:
            found: distribution.Distribution = done.value
            return found.jars


def _kafka(stage: Path, base: Path, image: Image, mode: Mode) -> None:
    """Apache Kafka in /opt/kafka, started by /etc/kafka/docker/run as appuser."""
    version = lock.VERSIONS[mode]
    major = version.partition(".")[0]
    tree = Tree(stage / f"kafka-{version}")
    tree.folder("opt/kafka", (USER, USER))
    for jar in _jars(version):
        tree.copy(jar, f"opt/kafka/libs/{jar.name}")
    source = RECIPE / "rootfs" / "kafka"
    tree.copy(source / "bin", "opt/kafka/bin")
    for name, classes in TOOLS.items():
        tree.write(f"opt/kafka/bin/{name}", _tool(name, classes[0 if major == "4" else -1]), 0o755)
    tree.copy(source / f"config-{major}", "opt/kafka/config")
    tree.copy(source / "docker", "etc/kafka/docker")
    for path, owner in (
        ("etc/kafka", (USER, 0)), ("etc/kafka/secrets", (USER, 0)), ("var/lib/kafka", (USER, 0)),
        ("var/lib/kafka/data", (USER, 0)), ("mnt/shared/config", (USER, USER)),
        ("usr/logs", (USER, USER)),
    ):  # fmt: skip
        tree.folder(path, owner, 0o775)
    _archive(stage, tree)
    layer = stage / f"kafka-{version}.tar"
    tree.pack(layer)
    config: dict[str, object] = {
        "Env": [f"PATH={_PATH}", f"JAVA_HOME={JAVA_HOME}", "LANG=en_US.UTF-8"],
        "User": "appuser",
        "Cmd": ["/etc/kafka/docker/run"],
        "ExposedPorts": {"9092/tcp": {}},
    }
    _pack(image, [base, layer], config)


def _archive(stage: Path, tree: Tree) -> None:
    """The class data archive of a broker's start, recorded as the official image records it."""
    whole = Tree(stage / "whole")
    whole.root.mkdir()
    for part in (stage / "base", tree.root):
        run("cp", "-al", f"{part}/.", whole.root)
    whole.write("etc/hosts", "127.0.0.1 localhost\n")
    whole.write("record", _RECORD)
    whole.run("env", f"PATH={_PATH}", f"JAVA_HOME={JAVA_HOME}", "bash", "/record")
    tree.copy(whole.root / "opt/kafka/kafka.jsa", "opt/kafka/kafka.jsa")
    shutil.rmtree(whole.root)


def _tool(name: str, main_class: str) -> str:
    roomy = "export KAFKA_HEAP_OPTS=${KAFKA_HEAP_OPTS:--Xmx512M}\n" if name in _ROOMY else ""
    return f'#!/bin/bash\n{roomy}exec $(dirname $0)/kafka-run-class.sh {main_class} "$@"\n'


def _zookeeper(stage: Path, base: Path, image: Image) -> None:
    """ZooKeeper with the official image's folders, variables and entry."""
    home = f"/apache-zookeeper-{zookeeper_version()}-bin"
    tree = Tree(stage / "zookeeper")
    for jar in _jars(lock.VERSIONS[Mode.ZOOKEEPER]):
        if _ZOOKEEPER_JARS.match(jar.name):
            tree.copy(jar, f"{home}/lib/{jar.name}")
    source = RECIPE / "rootfs" / "zookeeper"
    tree.copy(source / "bin", f"{home}/bin")
    tree.copy(source / "conf", "conf")
    tree.copy(source / "docker-entrypoint.sh", "docker-entrypoint.sh")
    tree.write(
        "etc/passwd",
        f"root:x:0:0:root:/root:/bin/bash\nzookeeper:x:{USER}:{USER}::/home/zookeeper:/bin/sh\n",
    )
    tree.write("etc/group", f"root:x:0:\nzookeeper:x:{USER}:\n")
    for path in ("conf", "data", "datalog", "logs", home.lstrip("/")):
        tree.folder(path, (USER, USER))
    layer = stage / "zookeeper.tar"
    tree.pack(layer)
    settings = {
        "PATH": f"{_PATH}:{home}/bin", "JAVA_HOME": JAVA_HOME,
        "ZOO_CONF_DIR": "/conf", "ZOO_DATA_DIR": "/data", "ZOO_DATA_LOG_DIR": "/datalog",
        "ZOO_LOG_DIR": "/logs", "ZOO_TICK_TIME": "2000", "ZOO_INIT_LIMIT": "5",
        "ZOO_SYNC_LIMIT": "2", "ZOO_AUTOPURGE_PURGEINTERVAL": "0",
        "ZOO_AUTOPURGE_SNAPRETAINCOUNT": "3", "ZOO_MAX_CLIENT_CNXNS": "60",
        "ZOO_STANDALONE_ENABLED": "true", "ZOO_ADMINSERVER_ENABLED": "true",
        "ZOOCFGDIR": "/conf",
    }  # fmt: skip
    config: dict[str, object] = {
        "Env": [f"{name}={value}" for name, value in settings.items()],
        "Entrypoint": ["/docker-entrypoint.sh"],
        "Cmd": ["zkServer.sh", "start-foreground"],
        "WorkingDir": home,
        "ExposedPorts": {f"{port}/tcp": {} for port in (2181, 2888, 3888, 8080)},
    }
    _pack(image, [base, layer], config)
