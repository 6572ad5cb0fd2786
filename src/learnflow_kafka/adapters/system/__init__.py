"""The machine's own clock and network, behind their ports."""

from __future__ import annotations

import socket
import time


class SystemClock:
    """The time of this machine."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class TcpNetwork:
    """TCP as this machine sees it."""

    def reachable(self, host: str, port: int, *, timeout: float) -> str | None:
        """None where a connection succeeds within `timeout` seconds; else why not."""
        try:
            socket.create_connection((host, port), timeout).close()
        except TimeoutError:
            return f"no answer within {timeout:g} s"
        except socket.gaierror:
            return "the host name cannot be resolved"
        except OSError as error:
            return (error.strerror or str(error)).lower()
        return None
