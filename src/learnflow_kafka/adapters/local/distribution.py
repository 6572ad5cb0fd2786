"""
A complete Kafka on disk: the locked jars in the cache, or an installation at KAFKA_HOME.

A distribution is complete when its manifest is written, which happens last. On every start
each jar's size is compared with the lock, and its time of change with the manifest; a file
that differs in time is digested again. So a start costs a `stat` a jar. What changed a jar and
kept both (a failing disk) shows when a broker fails to start: then every jar is digested. The
check is against corruption and mistakes, and against a registry or proxy that serves other
files; whoever sets size and time back could as well change this program.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.local import download, errors
from learnflow_kafka.adapters.local.locking import FileLock
from learnflow_kafka.errors import ChecksumError, LocalError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from learnflow_kafka.adapters.local.lock import Jar, Lock
    from learnflow_kafka.core.local import LocalEvent

_MANIFEST: Final = "manifest.json"
_CORE_JAR: Final = re.compile(r"kafka_2\.1\d-(\d+)\.(\d+)\.(\d+)\.jar\Z")
_DOWNLOAD_WAIT: Final = 1800.0


@dataclass(frozen=True, slots=True)
class Distribution:
    """
    Jars to run, in order; `identity` names exactly this set for caches made from it.

    `version` is Kafka's; `origin` says to people where it comes from.
    """

    version: str
    jars: tuple[Path, ...]
    identity: str
    origin: str

    @property
    def class_path(self) -> str:
        """The class path spelled out, as the start-up cache wants it."""
        return os.pathsep.join(map(str, self.jars))


def ensure(
    lock: Lock, cache: Path, source: Callable[[], download.Source]
) -> Generator[LocalEvent, None, Distribution]:
    """
    The locked distribution, downloaded if anything is missing.

    Raises ChecksumError for a jar that is not the locked one, DownloadError, StorageError.
    """
    folder = cache / lock.name
    libs = folder / "libs"
    found = installed(lock, cache)
    if not _missing(lock, folder):
        return found
    held = FileLock(folder / ".lock")
    try:
        yield from held.acquire(f"the download of {lock.name}", timeout=_DOWNLOAD_WAIT)
        missing = _missing(lock, folder)
        if missing:
            yield from download.fetch(f"Apache Kafka {lock.version}", missing, libs, source())
            _write_manifest(lock, folder)
    except OSError as error:
        raise errors.storage(error, "the download cannot be kept") from error
    finally:
        held.release()
    return found


def installed(lock: Lock, cache: Path) -> Distribution:
    """The locked distribution where it is kept; `ensure` makes sure that it is there."""
    libs = cache / lock.name / "libs"
    jars = tuple(libs / jar.file for jar in lock.jars)
    return Distribution(lock.version, jars, lock.digest, f"Apache Kafka {lock.version}")


def require_intact(lock: Lock, cache: Path) -> None:
    """Digest every jar, whatever its size and time say; raises ChecksumError as `ensure` does."""
    folder = cache / lock.name
    files = {jar: folder / "libs" / jar.file for jar in lock.jars}
    _refuse([file for jar, file in files.items() if not _is_locked(jar, file)], folder)


def _is_locked(jar: Jar, file: Path) -> bool:
    try:
        return download.digest_of(file) == jar.sha256
    except OSError:
        return False


def missing_bytes(lock: Lock, cache: Path) -> int:
    """How many bytes `ensure` would download; raises ChecksumError as it does."""
    return sum(jar.size for jar in _missing(lock, cache / lock.name))


def from_home(home: str) -> Distribution:
    """
    The Kafka that is installed at `home` (its `libs` folder).

    Raises LocalError where that is no Kafka.
    """
    libs = Path(home).expanduser().absolute() / "libs"
    jars = tuple(sorted(libs.glob("*.jar")))
    versions = [match for jar in jars if (match := _CORE_JAR.match(jar.name))]
    if not versions:
        raise LocalError(
            "KAFKA_HOME names no Kafka installation: there is no libs/kafka_2.13-*.jar",
            where=home,
            fix="point KAFKA_HOME to the folder of a Kafka 4 installation, or unset it",
        )
    version = ".".join(versions[0].groups())
    stamps = (f"{jar}:{jar.stat().st_size}:{jar.stat().st_mtime_ns}" for jar in jars)
    return Distribution(version, jars, "\n".join(stamps), f"Kafka {version} at {home}")


def _missing(lock: Lock, folder: Path) -> list[Jar]:
    """The jars to fetch; raises ChecksumError for those that are there and wrong."""
    times = _manifest_times(lock, folder)
    missing, wrong, touched = [], [], False
    for jar in lock.jars:
        file = folder / "libs" / jar.file
        try:
            stat = file.stat()
        except FileNotFoundError:
            missing.append(jar)
            continue
        if stat.st_size == jar.size and stat.st_mtime_ns == times.get(jar.file):
            continue
        if stat.st_size != jar.size or download.digest_of(file) != jar.sha256:
            wrong.append(file)
        touched = True
    _refuse(wrong, folder)
    if touched and not missing:
        _try_write_manifest(lock, folder)
    return missing


def _refuse(wrong: list[Path], folder: Path) -> None:
    if wrong:
        raise ChecksumError(
            f"{', '.join(file.name for file in wrong)}: not the file that was locked "
            "(corrupt or changed); Kafka is not started with it",
            where=str(folder / "libs"),
            fix=f"rm {' '.join(map(str, wrong))}   and run the command again",
        )


def _manifest_times(lock: Lock, folder: Path) -> dict[str, int]:
    """Times of change by file name, as they were when the files were digested."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        times = manifest["mtime_ns"] if manifest["lock"] == lock.digest else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return times if isinstance(times, dict) else {}


def _write_manifest(lock: Lock, folder: Path) -> None:
    times = {j.file: (folder / "libs" / j.file).stat().st_mtime_ns for j in lock.jars}
    new = folder / f"{_MANIFEST}.{os.getpid()}"
    new.write_text(json.dumps({"lock": lock.digest, "mtime_ns": times}), encoding="utf-8")
    new.replace(folder / _MANIFEST)


def _try_write_manifest(lock: Lock, folder: Path) -> None:
    """Remember digests that were just checked; a read-only cache is checked every time."""
    try:
        _write_manifest(lock, folder)
    except OSError:
        return
