"""The lab's own small controllers: volumes, and heartbeats of nodes that are only registered."""

from __future__ import annotations

import sys
import time
from typing import Final

import httpx

from lab import fakes
from lab.api import Api
from lab.places import places
from lab.shell import LabError
from lab.volumes import Provisioner

_PERIOD: Final = 0.5
_BEAT: Final = 10.0


def main() -> None:
    """Run until the lab ends; what fails is logged and tried again."""
    where = places()
    api = Api(where)
    provisioner = Provisioner(api, where.volumes)
    prepared, next_beat = False, 0.0
    while True:
        try:
            if not prepared:
                provisioner.prepare()
                prepared = True
            provisioner.step()
            if time.monotonic() >= next_beat:
                fakes.beat_all(api)
                next_beat = time.monotonic() + _BEAT
        except (httpx.HTTPError, LabError, OSError) as error:
            print(error, file=sys.stderr, flush=True)
        time.sleep(_PERIOD)


if __name__ == "__main__":
    main()
