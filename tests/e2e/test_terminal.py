"""What a person sees on a real terminal, driven through tmux."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator


class Screen:
    """A tmux terminal of 100 by 40 on a server of its own."""

    def __init__(self, folder: Path) -> None:
        self.tmux = ("tmux", "-S", str(folder / "tmux.socket"))
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TERM": "xterm-256color",
            "PS1": "$ ",
        }
        start = ("new-session", "-d", "-x", "100", "-y", "40", "bash", "--norc")
        subprocess.run([*self.tmux, *start], check=True, cwd=folder, env=environment)

    def type(self, line: str, *, enter: bool = True) -> None:
        """Type a line."""
        keys = [line, "Enter"] if enter else [line]
        subprocess.run([*self.tmux, "send-keys", *keys], check=True)

    def clear(self) -> None:
        """Take everything off the screen; returns when the prompt stands alone."""
        self.type("clear")
        deadline = time.monotonic() + 60
        while self.text().strip() != "$":
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.1)

    def text(self) -> str:
        """What stands on the screen."""
        shown = [*self.tmux, "capture-pane", "-p"]
        return subprocess.run(shown, check=True, capture_output=True, text=True).stdout

    def wait(self, text: str, seconds: float = 60) -> str:
        """Wait until the text stands on the screen; fails with the screen."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if text in self.text():
                return self.text()
            time.sleep(0.1)
        raise AssertionError(f"{text!r} never came:\n{self.text()}")

    def close(self) -> None:
        """End the terminal and what runs in it."""
        subprocess.run([*self.tmux, "kill-server"], check=False)


@pytest.fixture
def screen(own_home: Path, tmp_path: Path) -> Iterator[Screen]:
    """A terminal with a fresh home of ours."""
    made = Screen(tmp_path)
    yield made
    made.close()


def test_a_person_is_asked_before_changes_and_no_means_no(screen: Screen):
    """`apply` on a terminal shows the plan and asks; after "n" nothing was changed."""
    screen.type(f"learnflow up --port {free_ports(1)}")
    screen.wait("next")
    screen.clear()
    screen.type("learnflow init shop && clear")
    screen.type("learnflow apply --catalog shop --env local")
    screen.wait("[y/N]")
    screen.type("n")
    screen.wait("nothing was changed")
    screen.clear()
    screen.type("learnflow topics list | grep -c order.placed; learnflow down --wipe")
    screen.wait("[y/N]")
    screen.type("y")
    shown = screen.wait("removed the cluster's data")

    assert shown.splitlines()[1] == "0"  # behind what was typed


def test_interrupting_up_leaves_a_cluster_that_the_next_up_finishes(screen: Screen):
    """Ctrl-C during `up` ends with 130 and no traceback, and `up` again ends well."""
    screen.type(f"learnflow up --port {free_ports(1)}; echo code $?")
    screen.wait("starts")
    screen.type("C-c", enter=False)
    shown = screen.wait("code 130")
    screen.clear()
    screen.type("learnflow up; echo code $?")
    screen.wait("code 0", 90)
    screen.clear()
    screen.type("learnflow down --wipe --yes; echo code $?")
    screen.wait("code 0")

    assert "Traceback" not in shown
