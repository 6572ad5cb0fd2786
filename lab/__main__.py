"""
The lab by hand.

    python -m lab build | up | down | env | status
    python -m lab enter COMMAND ...               run it inside: the pods' network, the mounts
    python -m lab node add NAME ZONE [TAINT ...]  register a node (TAINT: key=value:Effect)
    python -m lab node remove NAME
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from lab import build, fakes, images, node
from lab.api import Api
from lab.places import places
from lab.shell import LabError
from lab.state import read

if TYPE_CHECKING:
    from collections.abc import Sequence

_START = time.monotonic()


def main(arguments: Sequence[str]) -> int:
    """Do one of the commands; 0 if it is done, 1 if it failed, 2 for a wrong word."""
    where = places()
    match list(arguments):
        case ["build"]:
            build.build(where, _say)
            images.build(where, _say)
        case ["up"]:
            node.up(where, _say)
            _say("up")
        case ["down"]:
            node.down(where)
        case ["env"]:
            print(f"export KUBECONFIG={where.kubeconfig} PATH={where.bin}:$PATH")
        case ["status"]:
            said = read(where) if node.is_up(where) else None
            print(said.phase if said else "down")
        case ["enter", *command] if command:
            words = node.enter(where, command)
            os.execvp(words[0], words)  # noqa: S606 - the user's own command
        case ["node", "add", name, zone, *taints]:
            fakes.add(Api(where), fakes.FakeNode(name, zone, taints=tuple(taints)))
        case ["node", "remove", name]:
            fakes.remove(Api(where), name)
        case _:
            print((__doc__ or "").strip(), file=sys.stderr)
            return 2
    return 0


def _say(line: str) -> None:
    print(f"{time.monotonic() - _START:6.1f} s  {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LabError as error:
        sys.exit(f"lab: {error}")
