"""
How a service is, as pages for probes.

Imported only by services that want them: the HTTP server costs a fifth of the SDK's import.
"""

from __future__ import annotations

import errno
import json
import threading
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from learnflow_kafka.sdk.health import Health
    from learnflow_kafka.sdk.observing import Page


class HealthServer:
    """
    `/live`, `/ready` and `/health` over HTTP: 200 or 503, the health as JSON.

    `/metrics` is the first of `pages` that is there; without one it is not found.
    Listens on loopback unless told otherwise; `port` 0 takes a free one.
    """

    def __init__(
        self,
        health: Callable[[], Health],
        *,
        port: int,
        host: str = "127.0.0.1",
        pages: Sequence[Callable[[], Page | None]] = (),
    ) -> None:
        """Raises UsageError where it cannot listen there."""
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(health, pages))
        except (OSError, OverflowError) as error:  # the second: no port has such a number
            raise _deaf(host, port, error) from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="learnflow-health", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _deaf(host: str, port: int, error: Exception) -> UsageError:
    if getattr(error, "errno", None) == errno.EADDRINUSE:
        return UsageError(
            f"port {port} of the health pages is taken: another program listens there",
            where=f"{host}:{port}",
            fix="give another health_port, or 0 for a free one",
        )
    return UsageError(
        f"the health pages cannot listen: {error}",
        where=f"{host}:{port}",
        fix="give another health_port or health_host",
    )


def _handler(
    health: Callable[[], Health], pages: Sequence[Callable[[], Page | None]]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.partition("?")[0] == "/metrics":
                page = next((made for page in pages if (made := page()) is not None), None)
                if page is None:
                    self.send_error(404)
                else:
                    self._send(200, page.content_type, page.body)
                return
            now = health()
            good = {"/live": now.live, "/ready": now.ready, "/health": now.live and now.ready}
            if self.path not in good:
                self.send_error(404)
                return
            body = json.dumps(asdict(now)).encode()
            self._send(200 if good[self.path] else 503, "application/json", body)

        def _send(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
            """Probes come every few seconds; they are no news."""

    return Handler
