"""What the documents show on a terminal is what a terminal shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.sessions import agrees, commands, stable
from tests.support.ports import free_ports

ROOT = Path(__file__).parent.parent.parent
MARK = "<!-- a session: run as a test -->"
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if MARK in page.read_text(encoding="utf-8")
]


@pytest.mark.kafka
@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_session_in_the_documents_is_what_a_terminal_shows(page: Path, tmp_path: Path):
    """Every command of the page's session prints, on real Kafka, what the page says."""
    port = str(free_ports(1))
    terminal = Terminal(tmp_path, port)
    wrong = []
    try:
        for command in commands(page.read_text(encoding="utf-8")):
            printed = terminal.run(command.line)
            if not agrees([*map(stable, command.prints)], [*map(stable, printed)]):
                wrong.append("\n".join([f"$ {command.line}", *printed]))
    finally:
        terminal.run("learnflow down --wipe --yes")

    if wrong:
        pytest.fail("these print something else:\n\n" + "\n\n".join(wrong), pytrace=False)


class Terminal:
    """A shell in an empty folder, with a home of its own and Kafka on a free port."""

    def __init__(self, folder: Path, port: str) -> None:
        self.folder = folder
        self.port = port
        self.environment = os.environ | {
            "LEARNFLOW_HOME": str(folder / ".learnflow"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }

    def run(self, line: str) -> list[str]:
        """What the command prints, standard error included."""
        line = line.replace("make up", "learnflow up").replace("make down", "learnflow down")
        if line.startswith("learnflow up"):
            line += f" --port {self.port}"
        done = subprocess.run(
            ["bash", "-c", line.replace("9092", self.port)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=self.environment,
            timeout=120,
        )
        home = str(self.folder)
        return done.stdout.replace(self.port, "9092").replace(home, "~").splitlines()
