"""
Fetch locked jars in parallel: resumable, verified, never half-installed.

Each jar grows as `NAME.part`; a broken transfer continues there (HTTP Range), and only a
complete file with the locked digest gets its own name, by an atomic rename.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

from learnflow_kafka.adapters.local import errors
from learnflow_kafka.core.local import Downloading
from learnflow_kafka.errors import ChecksumError, DownloadError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import requests

    from learnflow_kafka.adapters.local.lock import Jar

PARALLEL: Final = 8
ATTEMPTS: Final = 3
_CHUNK: Final = 1 << 16
_REPORT_EVERY: Final = 0.1
_PAUSE: Final = 0.3
"""Seconds before the second try; three times as long before the third."""


class Source(Protocol):
    """Where bytes come from; `http.HttpSource` in life, a folder in tests."""

    name: str

    def read(self, path: str, start: int) -> Iterator[bytes | None]:
        """
        The file's bytes from `start` on; a first None says that it begins at 0 instead.

        Raises OSError where the transfer fails and may be tried again.
        """
        ...


class _Stopped(Exception):  # noqa: N818 - not an error: the caller went away
    """The download was given up."""


def fetch(what: str, jars: Sequence[Jar], folder: Path, source: Source) -> Iterator[Downloading]:
    """
    Bring every jar into the folder, telling how far it is.

    Raises DownloadError, once, with the number of files that are missing; ChecksumError
    with the names of files that are not the locked ones. What arrived is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    job = _Job(jars, folder, source)
    pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="download")
    try:
        futures = {pool.submit(job.fetch, jar): jar for jar in jars}
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=_REPORT_EVERY)
            yield job.progress(what, sum(future.done() for future in futures))
            _stop_on_full_disk(done)
        _raise_faults(what, futures, source.name)
    finally:
        job.stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


class _Job:
    """The state that the threads of one download share."""

    def __init__(self, jars: Sequence[Jar], folder: Path, source: Source) -> None:
        self.stop = threading.Event()
        self._folder = folder
        self._source = source
        self._files = len(jars)
        self._total = sum(jar.size for jar in jars)
        self._have = {jar.file: 0 for jar in jars}

    def progress(self, what: str, files_done: int) -> Downloading:
        return Downloading(what, files_done, self._files, sum(self._have.values()), self._total)

    def fetch(self, jar: Jar) -> None:
        """One jar, with a few tries; raises the last try's error."""
        part = self._folder / f"{jar.file}.part"
        for attempt in range(ATTEMPTS):
            try:
                self._transfer(jar, part)
                break
            except (OSError, EOFError) as error:
                if attempt == ATTEMPTS - 1 or errors.is_disk_fault(error):
                    raise
                self.stop.wait(_PAUSE * 3**attempt)
        _check(jar, part)
        part.replace(self._folder / jar.file)

    def _transfer(self, jar: Jar, part: Path) -> None:
        """Continue the part file to the locked size."""
        start = part.stat().st_size if part.exists() else 0
        if start > jar.size:
            part.unlink()
            start = 0
        self._have[jar.file] = start
        if start == jar.size:
            return
        with part.open("ab") as out:
            for chunk in self._source.read(jar.path, start):
                if self.stop.is_set():
                    raise _Stopped
                if chunk is None:
                    out.truncate(0)
                    self._have[jar.file] = 0
                    continue
                out.write(chunk)
                self._have[jar.file] += len(chunk)
                if self._have[jar.file] > jar.size:
                    break
        if self._have[jar.file] < jar.size:
            raise EOFError(f"the transfer ended {jar.size - self._have[jar.file]} bytes early")


def digest_of(file: Path) -> str:
    """The file's SHA-256 in hex."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _check(jar: Jar, part: Path) -> None:
    if part.stat().st_size == jar.size and digest_of(part) == jar.sha256:
        return
    part.unlink()
    raise ChecksumError(f"{jar.file} is not the file that was locked", where=jar.path)


def _stop_on_full_disk(done: set[Future[None]]) -> None:
    """A full disk fails every file: say so at the first, as an error about storage."""
    for future in done:
        error = future.exception()
        if isinstance(error, OSError) and errors.is_disk_fault(error):
            raise errors.storage(error, "the download cannot be written") from error


def _raise_faults(what: str, futures: dict[Future[None], Jar], source: str) -> None:
    faults = [(jar, error) for f, jar in futures.items() if (error := f.exception())]
    if not faults:
        return
    wrong = [jar.file for jar, error in faults if isinstance(error, ChecksumError)]
    if wrong:
        raise ChecksumError(
            f"{', '.join(wrong)} from {source} is not the file that was locked; it was thrown away",
            fix="run the command again; if it repeats, something between you and the registry "
            "changes files",
        ) from faults[0][1]
    bug = next((e for _, e in faults if not isinstance(e, (OSError, EOFError))), None)
    if bug is not None:
        raise bug
    jar, error = faults[0]
    raise DownloadError(
        f"{len(faults)} of {len(futures)} files of {what} could not be fetched from {source}; "
        f"the first, {jar.file}: {errors.reason(error)}",
        fix="connect to the network and run the command again; what arrived is kept",
    ) from error


class HttpSource:
    """A Maven repository behind HTTP; one session a thread."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self.name = self._url.split("/")[2]
        self._local = threading.local()

    def read(self, path: str, start: int) -> Iterator[bytes | None]:
        """See `Source`; requests' errors are OSErrors."""
        session = self._session()
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with contextlib.closing(
            session.get(f"{self._url}/{path}", headers=headers, stream=True, timeout=(10, 30))
        ) as response:
            response.raise_for_status()
            if start and response.status_code != HTTPStatus.PARTIAL_CONTENT:
                yield None
            yield from response.iter_content(_CHUNK)

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            import requests  # noqa: PLC0415 - 0.1 s, and only a first start downloads

            self._local.session = requests.Session()
        session: requests.Session = self._local.session
        return session


def registry() -> HttpSource:
    """The public Maven repository."""
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415 - 0.2 s, only for a download

    return HttpSource(MAVEN_CENTRAL_URL)
