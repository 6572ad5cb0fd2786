"""Opening references to secrets."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import pytest

from learnflow_kafka.adapters.contexts import secrets
from learnflow_kafka.core.connection import SecretRef, SecretSource
from learnflow_kafka.errors import ContextError

PYTHON = sys.executable


def reveal(source: SecretSource, value: str) -> str:
    """The opened secret."""
    return secrets.reveal(SecretRef(source, value), where="context prod, password").reveal()


def test_a_file_gives_its_content_without_the_last_line_end(tmp_path: Path):
    """Spaces and inner line ends belong to the secret; the editor's last one does not."""
    file = tmp_path / "secret"
    file.write_bytes(b" a\nb \r\n")

    assert reveal(SecretSource.FILE, str(file)) == " a\nb "


def test_a_variable_and_a_command_give_theirs(monkeypatch: pytest.MonkeyPatch):
    """The value of the variable, and what the command prints."""
    monkeypatch.setenv("KAFKA_PW", "hunter2")

    assert reveal(SecretSource.ENV, "KAFKA_PW") == "hunter2"
    assert reveal(SecretSource.COMMAND, f"{PYTHON} -c 'print(\"hunter2\")'") == "hunter2"


def test_a_command_is_no_shell_line():
    """Nothing in a command is expanded or piped."""
    assert reveal(SecretSource.COMMAND, "echo $HOME | cat") == "$HOME | cat"


@pytest.mark.parametrize(
    ("source", "value", "what"),
    [
        (SecretSource.FILE, "/does/not/exist", "cannot be read"),
        (SecretSource.FILE, "/dev/zero", "too large"),
        (SecretSource.ENV, "NOT_SET_AT_ALL", "is not set"),
        (SecretSource.COMMAND, "/does/not/exist", "cannot be run"),
        (SecretSource.COMMAND, "'", "open quote"),
        (SecretSource.COMMAND, " ", "is empty"),
        (SecretSource.COMMAND, "true", "empty secret"),
    ],
)
def test_a_secret_that_cannot_be_read_says_why(source: SecretSource, value: str, what: str):
    """Each failure names the context and the reason."""
    with pytest.raises(ContextError, match=what) as caught:
        reveal(source, value)

    assert caught.value.where == "context prod, password"


@pytest.mark.parametrize(
    "script",
    [
        "print('hunter2'); raise SystemExit(3)",
        "import sys; sys.stdout.buffer.write(b'hunter2\\xff')",
        "import time; print('hunter2', flush=True); time.sleep(60)",
    ],
)
def test_a_failing_command_never_shows_what_it_printed(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Neither the message nor anything chained to it holds the output."""
    monkeypatch.setattr(secrets, "COMMAND_TIMEOUT", 1.0)
    file = tmp_path / "secret.py"
    file.write_text(script)

    with pytest.raises(ContextError) as caught:
        reveal(SecretSource.COMMAND, f"{PYTHON} {file}")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
