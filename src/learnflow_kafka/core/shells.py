"""A piece of bash that is run in other people's containers."""

from __future__ import annotations

from typing import Final

LIMITED: Final = r"""
limited() {
  local seconds=$1 program clock code; shift
  "$@" & program=$!
  sleep "$seconds" >/dev/null 2>&1 & clock=$!
  wait -n "$program" "$clock" 2>/dev/null; code=$?
  kill "$program" 2>/dev/null && code=124
  kill "$clock" 2>/dev/null
  wait "$program" "$clock" 2>/dev/null
  return "$code"
}
"""
"""
`limited SECONDS COMMAND...`: the command's exit code, or 124 where it had to be ended.

What `timeout` does, but busybox's leaves a watcher behind that nobody waits for: in a broker's
container the first process is Java, so each would stay there, dead, as long as the pod lives.
"""

TIMED_OUT: Final = 124
"""The exit code of `limited` for a command that took too long."""
