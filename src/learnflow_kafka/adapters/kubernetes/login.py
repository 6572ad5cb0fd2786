"""Who we are to an API server: a fixed token, one in a file, or what a program prints."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol

from learnflow_kafka.errors import KubeconfigError

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE: Final = 60.0
"""Seconds for a login program; it may ask a person, on the terminal."""

_EARLY: Final = dt.timedelta(seconds=30)


class Login(Protocol):
    """How requests say who sends them."""

    def headers(self, *, renew: bool) -> dict[str, str]:
        """The headers of one request; `renew`: the last ones were not accepted."""
        ...

    def certificate(self) -> tuple[str, str] | None:
        """A certificate and its key, as PEM, where the login gives them."""
        ...


class FixedToken:
    """One header for good, or none: a client certificate speaks for us then."""

    def __init__(self, authorization: str | None) -> None:
        self._authorization = authorization

    def headers(self, *, renew: bool) -> dict[str, str]:
        """The same for every request."""
        del renew
        return {"Authorization": self._authorization} if self._authorization else {}

    def certificate(self) -> None:
        """None: it lies in the kubeconfig, if there is one."""


class FileToken:
    """A token in a file that somebody renews, as Kubernetes does in pods."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def headers(self, *, renew: bool) -> dict[str, str]:
        """What the file says now."""
        del renew
        try:
            token = self._file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise KubeconfigError(
                f"the token cannot be read: {error.strerror}", where=str(self._file)
            ) from error
        return {"Authorization": f"Bearer {token}"}

    def certificate(self) -> None:
        """None: a token is all there is."""


class ExecLogin:
    """A program of the kubeconfig that prints credentials (`client.authentication.k8s.io`)."""

    def __init__(self, spec: dict[str, Any], folder: Path) -> None:
        self._spec = spec
        self._folder = folder
        self._status: dict[str, Any] | None = None
        self._lock = threading.Lock()

    def headers(self, *, renew: bool) -> dict[str, str]:
        """The token that the program gave, asked again when it expires."""
        token = self._ask(renew=renew).get("token")
        return {"Authorization": f"Bearer {token}"} if token else {}

    def certificate(self) -> tuple[str, str] | None:
        """The certificate and key that the program gave, if it gave one."""
        status = self._ask(renew=False)
        if status.get("clientCertificateData") and status.get("clientKeyData"):
            return str(status["clientCertificateData"]), str(status["clientKeyData"])
        return None

    def _ask(self, *, renew: bool) -> dict[str, Any]:
        with self._lock:
            if self._status is None or renew or _expired(self._status):
                self._status = self._run()
            return self._status

    def _run(self) -> dict[str, Any]:
        written = str(self._spec.get("command") or "")
        local = self._folder / written if os.sep in written else None
        command = str(local) if local else shutil.which(written)
        if not written or command is None:
            raise KubeconfigError(
                f"the login program {written!r} of the kubeconfig is not installed",
                fix=str(self._spec.get("installHint") or f"install {written!r}, or put it on PATH"),
            )
        try:
            done = subprocess.run(  # noqa: S603 - the user's kubeconfig names it, as for kubectl
                [command, *map(str, self._spec.get("args") or [])],
                env={**os.environ, **self._variables()},
                stdout=subprocess.PIPE,
                timeout=_PATIENCE,
                check=True,
            )
            document = json.loads(done.stdout)
            return dict(document.get("status") or {})
        except (OSError, subprocess.SubprocessError, ValueError, AttributeError) as error:
            # Its output may hold the token: the kind of failure is all we tell.
            code = getattr(error, "returncode", None)
            how = f"exited with {code}" if code is not None else f"failed ({type(error).__name__})"
            raise KubeconfigError(
                f"the login program {written!r} of the kubeconfig {how}",
                fix="run a kubectl command to see whether the login works at all",
            ) from error

    def _variables(self) -> dict[str, str]:
        version = self._spec.get("apiVersion") or "client.authentication.k8s.io/v1"
        info = {"kind": "ExecCredential", "apiVersion": version, "spec": {"interactive": False}}
        named = {str(e["name"]): str(e["value"]) for e in self._spec.get("env") or []}
        return {"KUBERNETES_EXEC_INFO": json.dumps(info), **named}


def _expired(status: dict[str, Any]) -> bool:
    written = status.get("expirationTimestamp")
    if not written:
        return False
    try:
        end = dt.datetime.fromisoformat(str(written))
    except ValueError:
        return True
    return dt.datetime.now(tz=dt.UTC) + _EARLY >= end
