"""Catalogs in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from learnflow_kafka.adapters.files.read import Loaded, load
from learnflow_kafka.errors import CatalogError, Problem

Load = Callable[..., Loaded]
Problems = Callable[..., list[Problem]]


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Load a catalog of one file with this text (version: 1 is put before it)."""

    def loaded(text: str | bytes, **others: str) -> Loaded:
        file = tmp_path / "c.yaml"
        content = text if isinstance(text, bytes) else f"version: 1\n{text}".encode()
        file.write_bytes(content)
        for name, other in others.items():
            (tmp_path / f"{name}.json").write_text(other, encoding="utf-8")
        return load(file)

    return loaded


@pytest.fixture
def problems(load_text: Load) -> Problems:
    """The problems of such a catalog."""

    def found(text: str | bytes, **others: str) -> list[Problem]:
        with pytest.raises(CatalogError) as caught:
            load_text(text, **others)
        return list(caught.value.problems)

    return found


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Write files (each begins with version: 1) and return their folder."""

    def written(**files: str) -> Path:
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(f"version: 1\n{text}", encoding="utf-8")
        return tmp_path

    return written
