"""Whether an address takes connections."""

from __future__ import annotations

import errno
import os
import socket


class SystemNetwork:
    """The `Network` port over this machine's sockets."""

    def reachable(self, host: str, port: int, *, timeout: float) -> str | None:
        """None where a TCP connection succeeds; else why not, in a few words."""
        try:
            socket.create_connection((host, port), timeout).close()
        except socket.gaierror:
            return f"the name {host!r} does not resolve from here"
        except TimeoutError:
            return f"no answer in {timeout:g} s"
        except ConnectionRefusedError:
            return "connection refused: nothing listens there"
        except OSError as error:
            return _words(error)
        except (UnicodeError, OverflowError):
            return "not an address"
        return None


def _words(error: OSError) -> str:
    known = error.errno is not None and error.errno in errno.errorcode
    return os.strerror(error.errno).lower() if known and error.errno else str(error)
