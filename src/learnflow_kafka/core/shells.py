"""A piece of shell that is run in other people's containers."""

from __future__ import annotations

from typing import Final

LIMITED: Final = r"""
limited() (
  seconds=$1; shift
  "$@" & program=$!
  ( trap 'kill -9 "$!"; wait "$!"; exit 1' TERM
    sleep "$seconds" & wait "$!" && trap "" TERM && kill "$program" ) >/dev/null 2>&1 & clock=$!
  { wait "$program"; code=$?
    kill "$clock"
    wait "$clock" && code=124
  } 2>/dev/null
  exit "$code"
)
"""
"""
`limited SECONDS COMMAND...`: the command's exit code, or 124 where it had to be ended.

What `timeout` does, but busybox's leaves a watcher behind that nobody waits for: in a broker's
container the first process is Java, so each would stay there, dead, as long as the pod lives.
It is POSIX shell: not every container has bash.
"""

NOT_FOUND: Final = 127
"""The exit code for a program that is not there."""

TIMED_OUT: Final = 124
"""The exit code of `limited` for a command that took too long."""
