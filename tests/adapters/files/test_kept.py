"""A catalog that is kept as data is the one that the files say, or it is read anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from learnflow_kafka import catalogs
from learnflow_kafka.adapters.files import kept, read
from learnflow_kafka.core.catalog import Catalog
from learnflow_kafka.errors import CatalogError

BUILT_IN = Path(catalogs.__file__).parent / "learnflow"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the built-in catalog, to change."""
    return Path(shutil.copytree(BUILT_IN, tmp_path / "catalog"))


@pytest.fixture
def keep(tmp_path: Path) -> Path:
    """Where what was read is kept; not there yet."""
    return tmp_path / "cache" / "made"


def load(folder: Path, keep: Path) -> Catalog:
    return kept.load(folder, "mine", keep)


def test_what_was_kept_is_what_was_read(folder: Path, keep: Path):
    """Nothing is lost on the way through the file, kinds of values and places included."""
    first, second = load(folder, keep), load(folder, keep)

    assert first == second == read.load(folder, "mine").catalog
    assert repr(second) == repr(first)


def test_what_is_kept_is_read_by_no_parser(
    folder: Path, keep: Path, monkeypatch: pytest.MonkeyPatch
):
    """The second command loads neither YAML nor what checks it."""
    load(folder, keep)
    monkeypatch.setattr(read, "load", lambda *_: pytest.fail("it was read anew"))

    assert "learning.query" in load(folder, keep).topics


@pytest.mark.parametrize("name", ["topics.yaml", "events.lock", "schemas"])
def test_a_change_of_any_file_is_seen(folder: Path, keep: Path, name: str):
    """One byte in the catalog, its lock or a schema is enough; the older state goes."""
    load(folder, keep)
    (old,) = keep.iterdir()
    file = folder / name
    if file.is_dir():
        file = next(file.rglob("*.json"))
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")

    load(folder, keep)

    (new,) = keep.iterdir()
    assert new != old


def test_a_mistake_is_told_every_time(folder: Path, keep: Path):
    """Only what could be used is kept."""
    (folder / "topics.yaml").write_text("version: 1\ntopics: {a: {partitons: 1}}\n")
    for _ in range(2):
        with pytest.raises(CatalogError):
            load(folder, keep)
    assert not keep.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"\xff", b'{"name": 1, "topics": []}'])
def test_what_does_not_decode_is_read_anew(folder: Path, keep: Path, content: bytes):
    """A file that was cut short, or is of another kind, costs a reading and nothing else."""
    found = load(folder, keep)
    (file,) = keep.iterdir()
    file.write_bytes(content)

    assert load(folder, keep) == found
    assert len(file.read_bytes()) > len(content)


def test_a_cache_that_cannot_be_written_is_no_failure(folder: Path, keep: Path):
    """Keeping is a favour: the catalog is there without it."""
    keep.parent.mkdir()
    keep.write_text("a file where the folder would be")

    assert "learning.query" in load(folder, keep).topics
