"""Downloads: resumable, verified, never half-installed."""

from __future__ import annotations

import errno
import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from learnflow_kafka.adapters.local import download
from learnflow_kafka.adapters.local.lock import Jar
from learnflow_kafka.core.local import Downloading
from learnflow_kafka.errors import ChecksumError, DownloadError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = {name: name.encode() * 40_000 for name in ("alpha", "beta", "gamma")}


def jar(name: str) -> Jar:
    content = CONTENT[name]
    return Jar("org.example", name, "1", hashlib.sha256(content).hexdigest(), len(content))


JARS = [jar(name) for name in CONTENT]


@dataclass
class FakeSource:
    """A registry in memory that counts, cuts and forges."""

    name: str = "registry.example"
    cut: dict[str, int] = field(default_factory=dict)
    forged: dict[str, bytes] = field(default_factory=dict)
    offline: bool = False
    ignores_ranges: bool = False
    served: list[tuple[str, int]] = field(default_factory=list)

    def read(self, path: str, start: int) -> Iterator[bytes | None]:
        """Bytes in pieces; a cut transfer fails once."""
        name = path.split("/")[2]
        self.served.append((name, start))
        if self.offline:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        content = self.forged.get(name, CONTENT[name])
        if start and self.ignores_ranges:
            yield None
            start = 0
        end = self.cut.pop(name, len(content))
        for place in range(start, end, 4096):
            yield content[place : min(place + 4096, end)]
        if end < len(content):
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once."""
    monkeypatch.setattr(download, "_PAUSE", 0.0)


def run(folder: Path, source: FakeSource) -> list[Downloading]:
    return list(download.fetch("Kafka", JARS, folder, source))


def test_every_file_arrives_whole_and_under_its_own_name(tmp_path: Path):
    """Afterwards there are the files, no parts, and the last progress says so."""
    events = run(tmp_path, FakeSource())

    assert {p.name for p in tmp_path.iterdir()} == {j.file for j in JARS}
    assert (events[-1].files_done, events[-1].bytes_done) == (3, sum(j.size for j in JARS))


def test_a_broken_transfer_goes_on_where_it_stopped(tmp_path: Path):
    """The second request for a cut file asks for the rest alone."""
    source = FakeSource(cut={"beta": 8192})
    run(tmp_path, source)

    assert ("beta", 8192) in source.served
    assert (tmp_path / "beta-1.jar").read_bytes() == CONTENT["beta"]


def test_a_part_of_an_earlier_run_is_continued(tmp_path: Path):
    """What a killed download left is not fetched again."""
    (tmp_path / "alpha-1.jar.part").write_bytes(CONTENT["alpha"][:100_000])
    source = FakeSource()
    run(tmp_path, source)

    assert ("alpha", 100_000) in source.served
    assert (tmp_path / "alpha-1.jar").read_bytes() == CONTENT["alpha"]


def test_a_registry_that_ignores_ranges_is_read_from_the_beginning(tmp_path: Path):
    """An answer with the whole file is never appended to a part."""
    (tmp_path / "alpha-1.jar.part").write_bytes(b"x" * 1000)
    run(tmp_path, FakeSource(ignores_ranges=True))

    assert (tmp_path / "alpha-1.jar").read_bytes() == CONTENT["alpha"]


def test_a_part_that_is_too_long_is_begun_again(tmp_path: Path):
    """A part longer than the locked size cannot be right."""
    (tmp_path / "alpha-1.jar.part").write_bytes(b"x" * 10_000_000)
    run(tmp_path, FakeSource())

    assert (tmp_path / "alpha-1.jar").read_bytes() == CONTENT["alpha"]


def test_a_forged_file_is_named_and_thrown_away(tmp_path: Path):
    """A file of the right size with other bytes never gets its name."""
    forged = bytes(len(CONTENT["beta"]))

    with pytest.raises(ChecksumError, match=r"beta-1\.jar"):
        run(tmp_path, FakeSource(forged={"beta": forged}))
    assert not [p for p in tmp_path.iterdir() if p.name.startswith("beta")]


def test_without_a_network_there_is_one_error_for_all_files(tmp_path: Path):
    """The message counts the files and gives the system's reason."""
    with pytest.raises(DownloadError) as caught:
        run(tmp_path, FakeSource(offline=True))

    assert "3 of 3 files" in caught.value.what
    assert "Network is unreachable" in caught.value.what
    assert "registry.example" in caught.value.what


def test_a_download_that_is_given_up_keeps_what_arrived(tmp_path: Path):
    """Ctrl-C ends the threads; nothing gets its final name half-written."""
    running = download.fetch("Kafka", JARS, tmp_path, FakeSource())
    next(running)
    running.close()  # type: ignore[attr-defined] # fetch is a generator

    assert not [t for t in threading.enumerate() if t.name.startswith("download")]
    assert all(p.read_bytes() == CONTENT[p.name.split("-")[0]] for p in tmp_path.glob("*.jar"))


def test_a_full_disk_is_an_error_about_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Trying again would not help, and the network is not to blame."""

    def full(self: object, jar: Jar, part: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(part))

    monkeypatch.setattr(download._Job, "_transfer", full)

    with pytest.raises(StorageError, match="No space left on device"):
        run(tmp_path, FakeSource())


class _Files(BaseHTTPRequestHandler):
    """Serves CONTENT with ranges, as a Maven repository does."""

    def do_GET(self) -> None:
        name = self.path.split("/")[4]
        if name not in CONTENT:
            self.send_error(404)
            return
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        body = CONTENT[name][start:]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def repository() -> Iterator[str]:
    """The address of a small Maven repository on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/maven2"
    server.shutdown()
    server.server_close()
    thread.join()


def test_http_fetches_and_continues(tmp_path: Path, repository: str):
    """Over real HTTP, whole files and the rest of a part arrive."""
    (tmp_path / "gamma-1.jar.part").write_bytes(CONTENT["gamma"][:5000])
    source = download.HttpSource(repository)
    list(download.fetch("Kafka", JARS, tmp_path, source))

    assert all((tmp_path / j.file).stat().st_size == j.size for j in JARS)


def test_a_file_that_the_registry_does_not_have_is_named(tmp_path: Path, repository: str):
    """An HTTP error is told with its file, and the others are kept."""
    missing = Jar("org.example", "delta", "1", "0" * 64, 10)

    with pytest.raises(DownloadError, match=r"1 of 4 files.*delta-1\.jar.*404"):
        list(download.fetch("Kafka", [*JARS, missing], tmp_path, download.HttpSource(repository)))
    assert (tmp_path / "alpha-1.jar").exists()
