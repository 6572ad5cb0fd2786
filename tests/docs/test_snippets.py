"""What the documents show as files, commands and Python works as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.snippets import MARK, snippets

ROOT = Path(__file__).parent.parent.parent
PAGES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if MARK in page.read_text("utf-8")]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_snippets_of_a_page_work(page: Path, tmp_path: Path) -> None:
    """Files are written, commands run, and the Python of the page runs as one program."""
    program = []
    for snippet in snippets(page.read_text(encoding="utf-8")):
        if snippet.relation == "file":
            (tmp_path / snippet.file).write_text(snippet.text, encoding="utf-8")
        elif snippet.relation == "in":
            assert snippet.text in (tmp_path / snippet.file).read_text(encoding="utf-8")
        elif snippet.language == "sh":
            _run(["bash", "-ec", snippet.text], tmp_path)
        elif snippet.language == "python":
            program.append(snippet.text)

    assert program
    _run([sys.executable, "-W", "error", "-c", "\n".join(program)], tmp_path)


def _run(command: list[str], folder: Path) -> None:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
