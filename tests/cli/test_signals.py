"""SIGTERM ends a command as Ctrl-C does."""

from __future__ import annotations

import os
import signal
import threading

import click
import pytest

from learnflow_kafka.cli.handler import guarded
from learnflow_kafka.cli.signals import Terminated, terminable


def terminate() -> None:
    """What a supervisor does to us."""
    os.kill(os.getpid(), signal.SIGTERM)
    signal.sigtimedwait([], 5)


def test_sigterm_is_raised_inside():
    """As an interrupt, so that whoever cleans up after Ctrl-C does it here too."""
    with pytest.raises(KeyboardInterrupt) as caught, terminable():
        terminate()

    assert isinstance(caught.value, Terminated)


def test_afterwards_the_handler_is_what_it_was():
    """A process that goes on after the command does not meet our exception elsewhere."""
    before = signal.getsignal(signal.SIGTERM)
    with terminable():
        assert signal.getsignal(signal.SIGTERM) != before

    assert signal.getsignal(signal.SIGTERM) == before


def test_another_thread_does_without():
    """Python lets only the main thread set handlers; a command in another one still runs."""
    ran: list[bool] = []

    def inside() -> None:
        with terminable():
            ran.append(True)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()

    assert ran == [True]


def test_a_terminated_command_exits_143(capsys: pytest.CaptureFixture[str]):
    """As a shell counts it: 128 and the signal."""

    @click.command()
    def command() -> None:
        with terminable():
            terminate()

    assert guarded(command, []) == 143
    assert "Traceback" not in capsys.readouterr().err
