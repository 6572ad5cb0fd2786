"""Running commands: in memory, or for real, and what they print."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.commands import Done, Learnflow

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.cli.main import run
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.errors import WrongClusterError
from learnflow_kafka.wiring import contexts, kafka


@pytest.fixture
def learnflow(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Learnflow:
    """Run `learnflow` in this process; `stdin` is what it reads, and no terminal."""

    def command(*args: str, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsysbinary.readouterr()
        code = run(args)
        out, err = capsysbinary.readouterr()
        return Done(code, out, err.decode())

    return command


@pytest.fixture
def memory(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryKafka:
    """A cluster in memory that every context reaches; `mem` is chosen."""
    cluster = MemoryKafka(3)

    @contextmanager
    def opened(context: Context) -> Iterator[MemoryKafka]:
        if context.cluster_id not in {None, cluster.cluster().cluster_id}:
            raise WrongClusterError("another cluster answers", where=f"context {context.name}")
        yield cluster

    monkeypatch.setattr(kafka, "admin", opened)
    monkeypatch.setattr(kafka, "data", opened)
    contexts.edit(lambda b: b.with_context(Context("mem", Connection(("m:1",)))).choosing("mem"))
    return cluster
