"""The file of contexts, written whole or not at all."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from learnflow_kafka.adapters.contexts import read, write
from learnflow_kafka.core.connection import (
    Connection,
    Context,
    Mechanism,
    Protocol,
    Sasl,
    Secret,
)
from learnflow_kafka.core.contexts import ContextBook
from learnflow_kafka.errors import ContextError

PLAIN = Context("a", Connection(("a:1",)))


def test_an_opened_secret_is_never_written(tmp_path: Path):
    """Even a context whose secret was read is saved without it."""
    sasl = Sasl(Mechanism.PLAIN, "u", Secret("hunter2"))
    opened = Context("a", Connection(("a:1",), Protocol.SASL_SSL, None, sasl))
    file = tmp_path / "contexts.yaml"
    write.save(ContextBook({"a": opened}), file)

    assert "hunter2" not in file.read_text()


def test_a_failed_write_leaves_the_old_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where the disk is full the old file stays and no draft is left."""
    file = tmp_path / "contexts.yaml"
    write.save(ContextBook({"a": PLAIN}), file)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ContextError, match="No space left"):
        write.save(ContextBook(), file)

    assert read.load(file).get("a") == PLAIN
    assert [p.name for p in tmp_path.iterdir()] == ["contexts.yaml"]


def test_changes_at_once_are_all_kept(tmp_path: Path):
    """Twenty commands that add a context at the same moment lose none."""
    file = tmp_path / "deep" / "contexts.yaml"

    def add(number: int) -> None:
        with write.locked(file):
            book = read.load(file)
            write.save(book.with_context(Context(f"c{number}", PLAIN.connection)), file)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(20)))

    assert len(read.load(file).contexts) == 20
