"""Running a command in a pod."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.kubernetes.websocket import open_socket
from learnflow_kafka.core.kubernetes import Ran
from learnflow_kafka.core.shells import NOT_FOUND
from learnflow_kafka.errors import ApiUnreachableError, KubernetesError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learnflow_kafka.adapters.kubernetes.kubeconfig import Access
    from learnflow_kafka.core.attempts import Spot

PROTOCOLS: Final = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_OUT, _ERR, _STATUS = 1, 2, 3
_NO_PROGRAM: Final = re.compile("executable file .*not found|no such file or directory")


def run(access: Access, spot: Spot, command: Sequence[str], *, timeout: float) -> Ran:
    """
    The command's output and exit code.

    Raises ApiError where it may not run, and ApiUnreachableError where it does not end within
    `timeout` seconds.
    """
    path = f"/api/v1/namespaces/{spot.namespace}/pods/{spot.pod}/exec"
    return asyncio.run(_run(access, path, spot.container, command, timeout))


async def _run(
    access: Access, path: str, container: str, command: Sequence[str], seconds: float
) -> Ran:
    params = [
        ("container", container),
        ("stdout", "true"),
        ("stderr", "true"),
        *(("command", word) for word in command),
    ]
    found = {_OUT: bytearray(), _ERR: bytearray(), _STATUS: bytearray()}
    try:
        async with asyncio.timeout(seconds):
            socket = await open_socket(access, path, params, PROTOCOLS)
            try:
                while (message := await socket.receive()) is not None:
                    if message and message[0] in found:
                        found[message[0]] += message[1:]
            finally:
                await socket.close()
    except TimeoutError as error:
        raise ApiUnreachableError(
            f"a command in the pod did not end within {seconds:.0f} s", where=path
        ) from error
    code = _code(bytes(found[_STATUS]), path)
    return Ran(code, found[_OUT].decode(errors="replace"), found[_ERR].decode(errors="replace"))


def _code(status: bytes, path: str) -> int:
    """The exit code that the status names; where there is no such program, that of a shell."""
    try:
        told = json.loads(status)
    except ValueError:
        raise ApiUnreachableError(
            "the connection to the pod ended before the command did", where=path
        ) from None
    if told.get("status") == "Success":
        return 0
    for cause in (told.get("details") or {}).get("causes") or []:
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    if _NO_PROGRAM.search(str(told.get("message"))):
        return NOT_FOUND
    raise KubernetesError(f"the command could not be run: {told.get('message')}", where=path)
