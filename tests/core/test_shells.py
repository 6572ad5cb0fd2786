import subprocess

import pytest

from learnflow_kafka.core.shells import LIMITED, TIMED_OUT


def ran(script: str) -> subprocess.CompletedProcess[str]:
    """What a bash says that knows `limited`, and how it ends."""
    return subprocess.run(["bash", "-c", LIMITED + script], capture_output=True, text=True)  # noqa: PLW1510 - codes are under test


@pytest.mark.parametrize("code", [0, 1, 7])
def test_a_command_in_time_ends_as_it_ends(code: int):
    """The exit code is the command's own, and so is what it says."""
    found = ran(f"limited 60 bash -c 'echo said; exit {code}'")

    assert (found.returncode, found.stdout, found.stderr) == (code, "said\n", "")


def test_a_command_that_takes_too_long_is_ended():
    """It ends with the code of `timeout`, and says nothing of how it was ended."""
    found = ran("limited 0.2 sleep 600")

    assert (found.returncode, found.stderr) == (TIMED_OUT, "")


def test_nobody_is_left_behind():
    """Neither the clock nor the command outlives `limited`, whichever ends first."""
    found = ran("limited 60 true; limited 0.2 sleep 600; ps -o comm= --ppid $$ | grep -v '^ps$'")

    assert found.stdout.replace("grep\n", "") == ""
