"""What pods write: one thread a pod, all lines through one queue, through restarts."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.kubernetes import PodLine
from learnflow_kafka.errors import ApiNotFoundError, KubernetesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from learnflow_kafka.adapters.kubernetes.client import Client

AGAIN: Final = 1.0
"""Seconds between two looks at a pod that is not there, or whose container has not begun."""

QUIET: Final = 10.0
"""
Seconds without a line after which the log is asked for anew.

Kubernetes does not always end the log of a pod that is gone: a follower would wait for ever.
"""

_MANY: Final = 1000


def follow(
    client: Client,
    pods: Sequence[tuple[str, str]],
    *,
    lines: int | None,
    since: float | None,
) -> Iterator[PodLine]:
    """
    Lines of (pod, container)s as they are written, until the caller stops asking.

    A pod that restarts is taken up again where it left off.
    """
    found: queue.Queue[PodLine | KubernetesError] = queue.Queue(_MANY)
    stopped = threading.Event()
    for pod, container in pods:
        one = _Follower(client, pod, container, found, stopped)
        threading.Thread(
            target=one.run, args=(lines, since), name=f"log {pod}", daemon=True
        ).start()
    try:
        while True:
            line = found.get()
            if isinstance(line, KubernetesError):
                raise line
            yield line
    finally:
        stopped.set()


def read(  # noqa: PLR0913 - which log, and which part of it
    client: Client,
    pod: str,
    container: str,
    *,
    lines: int | None,
    since: float | None,
    previous: bool,
) -> Iterator[PodLine]:
    """What one pod has written so far."""
    params = _params(container, lines, since)
    if previous:
        params["previous"] = "true"
    for text in client.text(_path(client, pod), params).splitlines():
        yield PodLine(pod, text)


class _Follower:
    """Follows one pod's container, and the one that comes after it."""

    def __init__(
        self,
        client: Client,
        pod: str,
        container: str,
        found: queue.Queue[PodLine | KubernetesError],
        stopped: threading.Event,
    ) -> None:
        self._client = client
        self._pod = pod
        self._container = container
        self._found = found
        self._stopped = stopped
        self._last = ""

    def run(self, lines: int | None, since: float | None) -> None:
        """Until it is stopped; a failure that waiting does not mend goes to the reader."""
        params = first = _params(self._container, lines, since)
        began = time.monotonic()
        while not self._stopped.is_set():
            try:
                self._once(params)
            except ApiNotFoundError:
                pass  # between two lives of the pod
            except KubernetesError as error:
                if not _passing(error):
                    self._put(error)
                    return
            # Times are those of the node that wrote the lines: none is lost, none comes twice.
            if self._last:
                params = {**_params(self._container, None, None), "sinceTime": self._last}
            elif lines == 0:
                params = _params(self._container, None, time.monotonic() - began + AGAIN)
            else:
                params = first
            self._stopped.wait(AGAIN)

    def _once(self, params: dict[str, str]) -> None:
        asked = {**params, "follow": "true", "timestamps": "true"}
        newest = _order(self._last)
        path = _path(self._client, self._pod)
        with self._client.lines(path, asked, quiet=QUIET) as lines:
            for line in lines:
                stamp, _, text = line.partition(" ")
                if _order(stamp) <= newest:
                    continue  # `sinceTime` counts whole seconds
                self._last = stamp
                self._put(PodLine(self._pod, text))
                if self._stopped.is_set():
                    return

    def _put(self, line: PodLine | KubernetesError) -> None:
        while not self._stopped.is_set():
            try:
                self._found.put(line, timeout=AGAIN)
            except queue.Full:
                continue
            return


def _order(stamp: str) -> tuple[str, str]:
    """
    What sorts as the times do: Kubernetes writes as many digits as it needs.

    >>> _order("2026-01-01T00:00:00.69Z") < _order("2026-01-01T00:00:00.691Z")
    True
    """
    seconds, _, rest = stamp.partition(".")
    return seconds.rstrip("Z"), rest.partition("Z")[0].partition("+")[0].ljust(9, "0")


def _passing(error: KubernetesError) -> bool:
    """Whether it is about a container that has not begun, or a line that broke."""
    status = getattr(error, "status", None)
    return status is None or status == 400 or status >= 500  # noqa: PLR2004 - HTTP's classes


def _params(container: str, lines: int | None, since: float | None) -> dict[str, str]:
    params = {"container": container}
    if lines is not None:
        params["tailLines"] = str(lines)
    if since is not None:
        params["sinceSeconds"] = str(max(1, round(since)))
    return params


def _path(client: Client, pod: str) -> str:
    return f"/api/v1/namespaces/{client.namespace}/pods/{pod}/log"
