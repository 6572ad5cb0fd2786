import shutil
import subprocess

import pytest

from learnflow_kafka.core.shells import LIMITED, TIMED_OUT

SHELLS = {
    name: command
    for name, *command in (("bash", "bash"), ("dash", "dash"), ("busybox", "busybox", "ash"))
    if shutil.which(command[0])
}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    """A shell that containers have."""
    return SHELLS[request.param]


def ran(shell: list[str], script: str) -> subprocess.CompletedProcess[str]:
    """What a shell says that knows `limited`, and how it ends."""
    return subprocess.run([*shell, "-c", LIMITED + script], capture_output=True, text=True)  # noqa: PLW1510 - codes are under test


@pytest.mark.parametrize("code", [0, 1, 7])
def test_a_command_in_time_ends_as_it_ends(shell: list[str], code: int):
    """The exit code is the command's own, and so is what it says."""
    found = ran(shell, f"limited 60 sh -c 'echo said; exit {code}'")

    assert (found.returncode, found.stdout, found.stderr) == (code, "said\n", "")


def test_a_command_that_takes_too_long_is_ended(shell: list[str]):
    """It ends with the code of `timeout`, and says nothing of how it was ended."""
    found = ran(shell, "limited 0.2 sleep 600")

    assert (found.returncode, found.stderr) == (TIMED_OUT, "")


def test_nobody_is_left_behind(shell: list[str]):
    """Neither the clock nor the command outlives `limited`, whichever ends first."""
    left = "ps -o comm= --ppid $$ | grep -v '^ps$'"
    found = ran(shell, f"limited 60 true; limited 60 sleep 0.2; limited 0.2 sleep 600; {left}")

    assert found.stdout.replace("grep\n", "") == ""
