"""
WebSockets to the API server, as tunnels and `exec` use them (RFC 6455, binary frames).

Kubernetes puts several channels into one socket: the first byte of each message is the
channel's number. One reader and several writers may use a socket at once.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import time
import urllib.parse
from typing import TYPE_CHECKING, Any, Final

from learnflow_kafka.adapters.kubernetes.errors import refused, translated
from learnflow_kafka.errors import KubeconfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learnflow_kafka.adapters.kubernetes.kubeconfig import Access

CONNECT: Final = 10.0
"""Seconds to take a connection and to agree on the protocol."""

BUFFER: Final = 1 << 20
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MAX_HEAD: Final = 1 << 16
_SWITCHED: Final = 101
_UNAUTHORIZED: Final = 401

_CONTINUED, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FINAL: Final = 0x80
_MASKED: Final = 0x80
_TWO_BYTES: Final = 126
_EIGHT_BYTES: Final = 127


class Socket:
    """One open WebSocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._heard = time.monotonic()
        self._answers = False

    def silent_for(self, seconds: float) -> bool:
        """
        Whether nothing came for so long, of a server that answers pings.

        Of one that never did, silence says nothing.
        """
        return self._answers and time.monotonic() - self._heard > seconds

    async def receive(self) -> bytes | None:
        """
        The next message; None when the other side is done.

        Raises ConnectionError where the connection breaks.
        """
        parts: list[bytes] = []
        while True:
            try:
                kind, final, data = await self._frame()
            except (asyncio.IncompleteReadError, OSError):
                # Servers hang up without a word when a pod goes.
                return None
            self._heard = time.monotonic()
            if kind == _CLOSE:
                return None
            self._answers |= kind == _PONG
            if kind == _PING:
                await self._write(_PONG, data)
            elif kind in {_BINARY, _TEXT, _CONTINUED}:
                parts.append(data)
                if final:
                    return parts[0] if len(parts) == 1 else b"".join(parts)

    async def send(self, data: bytes) -> None:
        """Send one binary message; waits while the network is slower than we are."""
        await self._write(_BINARY, data)

    async def ping(self) -> None:
        """Tell whatever lies between that this connection is in use."""
        await self._write(_PING, b"")

    async def close(self) -> None:
        """Hang up; never raises."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.write(_head(_CLOSE, 0) + bytes(4))
            # Not `close`, which waits half a minute for the other side's farewell of TLS.
            self._writer.transport.abort()
        await asyncio.sleep(0)

    async def _write(self, kind: int, data: bytes) -> None:
        key = os.urandom(4)
        self._writer.write(_head(kind, len(data)) + key + _mask(data, key))
        await self._writer.drain()

    async def _frame(self) -> tuple[int, bool, bytes]:
        first, second = await self._reader.readexactly(2)
        size = second & 0x7F
        if size == _TWO_BYTES:
            size = int.from_bytes(await self._reader.readexactly(2))
        elif size == _EIGHT_BYTES:
            size = int.from_bytes(await self._reader.readexactly(8))
        data = await self._reader.readexactly(size) if size else b""
        return first & 0x0F, bool(first & _FINAL), data


def _head(kind: int, size: int) -> bytes:
    if size < _TWO_BYTES:
        return bytes((_FINAL | kind, _MASKED | size))
    if size < 1 << 16:
        return bytes((_FINAL | kind, _MASKED | _TWO_BYTES)) + size.to_bytes(2)
    return bytes((_FINAL | kind, _MASKED | _EIGHT_BYTES)) + size.to_bytes(8)


def _mask(data: bytes, key: bytes) -> bytes:
    """Each byte with its byte of the key: whole numbers do it thousands of times faster."""
    size = len(data)
    pattern = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data) ^ int.from_bytes(pattern)).to_bytes(size)


async def open_socket(
    access: Access, path: str, params: Sequence[tuple[str, str]], protocols: Sequence[str]
) -> Socket:
    """
    A WebSocket to a path of the API server.

    `params` may name a key several times. Raises ApiError where the API refuses, and
    ApiUnreachableError.
    """
    try:
        async with asyncio.timeout(CONNECT):
            reader, writer, refusal = await _attempt(access, path, params, protocols, renew=False)
            if refusal is not None and refusal[0] == _UNAUTHORIZED:
                writer.close()
                reader, writer, refusal = await _attempt(
                    access, path, params, protocols, renew=True
                )
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise translated(error, access.server) from error
    if refusal is not None:
        writer.close()
        raise refused(*refusal, path)
    return Socket(reader, writer)


async def _attempt(
    access: Access,
    path: str,
    params: Sequence[tuple[str, str]],
    protocols: Sequence[str],
    *,
    renew: bool,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, tuple[int, dict[str, Any]] | None]:
    """A connection on which the API server speaks frames, or its status and words of refusal."""
    # A login program may take its time.
    headers = await asyncio.to_thread(access.headers, renew=renew)
    reader, writer = await _dial(access)
    key = base64.b64encode(os.urandom(16))
    parts = urllib.parse.urlsplit(access.server)
    lines = {
        "Host": parts.netloc,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key.decode(),
        "Sec-WebSocket-Protocol": ", ".join(protocols),
        **headers,
    }
    target = f"{parts.path}{path}?{urllib.parse.urlencode(list(params))}"
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    try:
        writer.write(f"GET {target} HTTP/1.1\r\n{head}\r\n".encode())
        status, answered = await _answer(reader)
        expected = base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324 - RFC 6455 says so
        if status == _SWITCHED and answered.get("sec-websocket-accept") == expected.decode():
            return reader, writer, None
        return reader, writer, (status, await _refusal(reader, answered))
    except BaseException:
        writer.transport.abort()
        raise


async def _dial(access: Access) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the API server, through the proxy where there is one."""
    parts = urllib.parse.urlsplit(access.server)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    name = access.server_name or host
    if access.proxy is None:
        return await asyncio.open_connection(
            host,
            port,
            ssl=access.tls,
            server_hostname=name if access.tls else None,
            limit=BUFFER,
        )
    proxy = urllib.parse.urlsplit(access.proxy)
    if proxy.scheme != "http" or proxy.hostname is None:
        raise KubeconfigError(
            "tunnels go through HTTP proxies only",
            where=f"{proxy.scheme}://{proxy.hostname}",
            fix="name an http:// proxy, or none for this server (NO_PROXY)",
        )
    reader, writer = await asyncio.open_connection(proxy.hostname, proxy.port or 80, limit=BUFFER)
    shown = f"[{host}]" if ":" in host else host
    writer.write(f"CONNECT {shown}:{port} HTTP/1.1\r\nHost: {shown}:{port}\r\n\r\n".encode())
    status, _ = await _answer(reader)
    if status >= 300:  # noqa: PLR2004 - HTTP's success is 2xx
        writer.close()
        raise ConnectionError(f"the proxy answered {status}")
    if access.tls is not None:
        await writer.start_tls(access.tls, server_hostname=name)
    return reader, writer


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers (their names in small letters) of an HTTP answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *rest = head[:_MAX_HEAD].decode("latin-1").split("\r\n")
    words = first.split(maxsplit=2)
    if len(words) < 2 or not words[1].isdecimal():  # noqa: PLR2004 - the version and the status
        raise ConnectionError("what answers does not speak HTTP")
    pairs = (line.partition(":") for line in rest if line)
    return int(words[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _refusal(reader: asyncio.StreamReader, headers: dict[str, str]) -> dict[str, Any]:
    """The API's Status object, where it sent one."""
    size = headers.get("content-length", "")
    if not size.isdecimal():
        return {}
    body = await reader.readexactly(min(int(size), _MAX_HEAD))
    try:
        found = json.loads(body)
    except ValueError:
        return {"message": body.decode(errors="replace").strip()}
    return found if isinstance(found, dict) else {}
