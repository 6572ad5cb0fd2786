"""Opening references to secrets: a file, an environment variable, a command."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Final

from learnflow_kafka.core.connection import Secret, SecretRef, SecretSource
from learnflow_kafka.errors import ContextError

COMMAND_TIMEOUT: Final = 60.0
"""Seconds for a command that may ask its user for a touch or a PIN."""
_MOST_BYTES: Final = 64 * 1024


def reveal(ref: SecretRef, *, where: str) -> Secret:
    """
    The secret that a reference points to, without one line end at its end.

    `where` names the context and the setting. Raises ContextError, which never quotes what
    was read.
    """
    match ref.source:
        case SecretSource.FILE:
            text = _from_file(ref.value, where)
        case SecretSource.ENV:
            text = os.environ.get(ref.value, "")
            if not text:
                raise ContextError(
                    f"the environment variable {ref.value} is not set",
                    where=where,
                    fix=f"export {ref.value} with the secret, then run the command again",
                )
        case SecretSource.COMMAND:
            text = _from_command(ref.value, where)
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ContextError(f"the {ref.source.value} gave an empty secret", where=where)
    return Secret(text)


def _from_file(path: str, where: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ContextError(
            f"the secret's file {path} cannot be read: {error.strerror}",
            where=where,
            fix="put the secret there, readable by you alone (chmod 600)",
        ) from error
    if len(content) > _MOST_BYTES:
        raise ContextError(f"the secret's file {path} is too large for a secret", where=where)
    return _decoded(content, where)


def _from_command(command: str, where: str) -> str:
    words = _words(command, where)
    program = words[0]
    try:
        # Our standard input may hold records; a command that asks its user opens the terminal.
        done = subprocess.run(  # noqa: S603 - the user's own command, without a shell
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
            timeout=COMMAND_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        # Not chained: the exception carries the output that came before.
        raise ContextError(
            f"the secret's command {program} gave no answer in {COMMAND_TIMEOUT:.0f} s",
            where=where,
        ) from None
    except OSError as error:
        raise ContextError(
            f"the secret's command {program} cannot be run: {error.strerror}", where=where
        ) from error
    if done.returncode:
        raise ContextError(
            f"the secret's command {program} ended with exit code {done.returncode}",
            where=where,
            fix="run it by hand to see why",
        )
    return _decoded(done.stdout, where)


def _words(command: str, where: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError:
        raise ContextError(
            "the secret's command has an open quote", where=where, fix="mend its quotes"
        ) from None
    if not words:
        raise ContextError("the secret's command is empty", where=where)
    return words


def _decoded(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        # Not chained: the exception carries the bytes.
        raise ContextError("the secret is not UTF-8", where=where) from None
