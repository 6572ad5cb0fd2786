"""An API server of a few lines, for what a client does with its answers; the lab has a real one."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its first line's words, its headers by small name, and its body."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Without the query."""
        return self.target.partition("?")[0]


@dataclass
class ApiServer:
    """Answers on a port of loopback; `answer` gives a status and an object for each request."""

    answer: Callable[[Asked], tuple[int, object]]
    sockets: Callable[[Asked, WebSocket], None] | None = None
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def running(self) -> Iterator[ApiServer]:
        """Listening, until the context ends."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
            try:
                yield self
            finally:
                listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake `accept`

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # A command may end at any moment, and with it its connections.
        gone = contextlib.suppress(ConnectionError)
        with gone, connection, connection.makefile("rb") as stream:
            while (asked := _read(stream)) is not None:
                self.asked.append(asked)
                status, found = self.answer(asked)
                if asked.headers.get("upgrade") == "websocket" and status < 300 and self.sockets:
                    _switch(connection, asked)
                    self.sockets(asked, WebSocket(connection, stream))
                    return
                body = found if isinstance(found, bytes) else json.dumps(found).encode()
                head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)


def _read(stream: Any) -> Asked | None:
    line = stream.readline().decode()
    if not line:
        return None
    method, target, _ = line.split()
    headers = {}
    while (text := stream.readline().decode().strip()) != "":
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    return Asked(method, target, headers, stream.read(int(headers.get("content-length", 0))))


def _switch(connection: socket.socket, asked: Asked) -> None:
    key = asked.headers["sec-websocket-key"].encode()
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
    connection.sendall(
        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )


class WebSocket:
    """The server's end of a WebSocket."""

    def __init__(self, connection: socket.socket, stream: Any) -> None:
        self._connection = connection
        self._stream = stream

    def receive(self) -> bytes | None:
        """The next message of the client, unmasked; None when it hangs up."""
        while True:
            head = self._stream.read(2)
            if len(head) < 2:
                return None
            kind, size = head[0] & 0x0F, head[1] & 0x7F
            assert head[1] & 0x80, "a client must mask what it sends"
            if size == 126:
                (size,) = struct.unpack(">H", self._stream.read(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", self._stream.read(8))
            key = self._stream.read(4)
            data = bytes(b ^ key[at % 4] for at, b in enumerate(self._stream.read(size)))
            if kind == 8:
                return None
            if kind == 2:
                return data

    def send(self, data: bytes, *, kind: int = 2, final: bool = True) -> None:
        """One frame."""
        size = len(data)
        if size < 126:
            head = struct.pack(">BB", (0x80 if final else 0) | kind, size)
        elif size < 1 << 16:
            head = struct.pack(">BBH", (0x80 if final else 0) | kind, 126, size)
        else:
            head = struct.pack(">BBQ", (0x80 if final else 0) | kind, 127, size)
        self._connection.sendall(head + data)


def status(code: int, reason: str, message: str) -> tuple[int, object]:
    """A refusal as the API words it."""
    return code, {"kind": "Status", "code": code, "reason": reason, "message": message}
