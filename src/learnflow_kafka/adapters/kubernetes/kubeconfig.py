"""
Which API server is meant, and who we are there.

The rules are kubectl's: the files of $KUBECONFIG are merged, the first to name a thing wins,
relative paths are taken from the file that names them, and inside a pod without a kubeconfig
the service account speaks. Credentials never show in a repr or a message.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import ssl
import tempfile
import urllib.parse
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import yaml

from learnflow_kafka.adapters.kubernetes.login import ExecLogin, FileToken, FixedToken
from learnflow_kafka.core.suggest import did_you_mean
from learnflow_kafka.errors import KubeconfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from learnflow_kafka.adapters.kubernetes.login import Login

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_DEFAULT: Final = "~/.kube/config"
_KINDS: Final = {"clusters": "cluster", "users": "user", "contexts": "context"}

Entry: TypeAlias = "dict[str, Any]"


@dataclass(frozen=True, slots=True)
class Access:
    """
    Everything that a connection to one API server needs.

    `server` is its URL; `context` the kubeconfig's name for it (None: inside a pod);
    `namespace` the one that it chooses. `proxy` is an HTTP proxy's URL.
    """

    server: str
    tls: ssl.SSLContext | None
    login: Login = field(repr=False)
    context: str | None = None
    namespace: str | None = None
    proxy: str | None = None
    server_name: str | None = None
    impersonate: Mapping[str, str] = field(default_factory=dict)

    def headers(self, *, renew: bool = False) -> dict[str, str]:
        """Who we are, for one request; `renew` asks a login program again."""
        return {**self.login.headers(renew=renew), **self.impersonate}


def load(path: str | None = None, context: str | None = None) -> Access:
    """
    The access that a kubeconfig gives.

    `path` None: $KUBECONFIG, or the usual file; `context` None: the file's current one.
    Raises KubeconfigError, saying what is missing where.
    """
    files = _files(path)
    if not files:
        if context is None and path is None and (ACCOUNT / "token").is_file():
            return _inside_pod()
        raise KubeconfigError(
            f"there is no kubeconfig ({path or os.environ.get('KUBECONFIG') or _DEFAULT})",
            fix="name one with --kubeconfig PATH, or set KUBECONFIG",
        )
    return _Book(files).access(context)


def _files(path: str | None) -> list[Path]:
    said = path or os.environ.get("KUBECONFIG") or _DEFAULT
    named = [path] if path else [part for part in said.split(os.pathsep) if part]
    found = [Path(part).expanduser().absolute() for part in named]
    return [file for file in found if file.is_file()]


class _Book:
    """The merged files: every entry with the folder from which its paths are taken."""

    def __init__(self, files: list[Path]) -> None:
        self.label = os.pathsep.join(map(str, files))
        self.current: str | None = None
        self.entries: dict[str, dict[str, tuple[Entry, Path]]] = {kind: {} for kind in _KINDS}
        for file in files:
            self._add(_read(file), file)

    def _add(self, document: Entry, file: Path) -> None:
        if self.current is None and isinstance(document.get("current-context"), str):
            self.current = document["current-context"] or None
        for kind, inner in _KINDS.items():
            for item in document.get(kind) or []:
                if not isinstance(item, dict) or not isinstance(item.get("name"), str):
                    raise KubeconfigError(f"{kind} holds an entry without a name", where=str(file))
                self.entries[kind].setdefault(
                    item["name"], (dict(item.get(inner) or {}), file.parent)
                )

    def find(self, kind: str, name: str) -> tuple[Entry, Path]:
        found = self.entries[kind].get(name)
        if found is None:
            known = sorted(self.entries[kind])
            hint = did_you_mean(name, known) or f"there are: {', '.join(known) or 'none'}"
            raise KubeconfigError(
                f"the kubeconfig has no {_KINDS[kind]} {name!r}; {hint}", where=self.label
            )
        return found

    def access(self, name: str | None) -> Access:
        name = name or self.current
        if name is None:
            known = ", ".join(sorted(self.entries["contexts"])) or "none"
            raise KubeconfigError(
                f"the kubeconfig chooses no context; there are: {known}",
                where=self.label,
                fix="name one with --kube-context NAME",
            )
        context, _ = self.find("contexts", name)
        cluster, folder = self.find("clusters", str(context.get("cluster") or ""))
        server = cluster.get("server")
        if not isinstance(server, str) or not server.startswith(("http://", "https://")):
            raise KubeconfigError(
                f"the cluster of context {name!r} has no server", where=self.label
            )
        user: tuple[Entry, Path] = ({}, folder)
        if context.get("user"):
            user = self.find("users", str(context["user"]))
        plain = Access(
            server.rstrip("/"),
            None,
            _login(*user),
            context=name,
            namespace=context.get("namespace") or None,
            proxy=cluster.get("proxy-url") or environment_proxy(server),
            server_name=cluster.get("tls-server-name") or None,
            impersonate=_impersonation(user[0]),
        )
        if not server.startswith("https://"):
            return plain
        try:
            return replace(plain, tls=_tls(cluster, folder, *user, login=plain.login))
        except (OSError, ssl.SSLError, binascii.Error, ValueError) as error:
            raise KubeconfigError(
                f"the certificates of context {name!r} cannot be used: {_words(error)}",
                where=self.label,
            ) from error


def _read(file: Path) -> Entry:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise KubeconfigError(f"cannot be read: {error.strerror}", where=str(file)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # YAML's own words quote the line, which may be a token.
        raise KubeconfigError("is not YAML", where=str(file)) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise KubeconfigError("is no kubeconfig: not a mapping", where=str(file))
    return document


def _login(user: Entry, folder: Path) -> Login:
    if user.get("auth-provider"):
        raise KubeconfigError(
            "the kubeconfig logs in with an auth-provider, which Kubernetes removed in 1.26",
            fix="renew the kubeconfig with your provider's tool; it writes an exec plugin today",
        )
    if user.get("exec"):
        return ExecLogin(dict(user["exec"]), folder)
    if user.get("tokenFile"):
        return FileToken(_path(user["tokenFile"], folder))
    if user.get("token"):
        return FixedToken(f"Bearer {user['token']}")
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}".encode()
        return FixedToken(f"Basic {base64.b64encode(pair).decode()}")
    return FixedToken(None)


def _impersonation(user: Entry) -> dict[str, str]:
    found = {}
    if user.get("as"):
        found["Impersonate-User"] = str(user["as"])
    if user.get("as-groups"):
        found["Impersonate-Group"] = ",".join(map(str, user["as-groups"]))
    return found


def _tls(cluster: Entry, folder: Path, user: Entry, home: Path, *, login: Login) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif cluster.get("certificate-authority-data"):
        pem = _decoded(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=pem)
    elif cluster.get("certificate-authority"):
        path = _path(cluster["certificate-authority"], folder)
        context = ssl.create_default_context(cafile=str(path))
    with _certificate(user, home, login) as pair:
        if pair is not None:
            context.load_cert_chain(*pair)
    return context


@contextlib.contextmanager
def _certificate(user: Entry, home: Path, login: Login) -> Iterator[tuple[str, str] | None]:
    """
    The files of our certificate and key, for as long as OpenSSL reads them.

    Python's ssl takes files only: inline data lies in a file of ours, mode 0600, meanwhile.
    """
    with tempfile.TemporaryDirectory(prefix="learnflow-") as scratch:
        given = login.certificate()
        found = []
        for kind, inline in zip(
            ("client-certificate", "client-key"), given or (None, None), strict=True
        ):
            data = inline.encode() if inline else None
            if data is None and user.get(f"{kind}-data"):
                data = _decoded(user[f"{kind}-data"])
            if data is not None:
                file = Path(scratch) / kind
                file.touch(mode=0o600)
                file.write_bytes(data)
                found.append(str(file))
            elif user.get(kind):
                found.append(str(_path(user[kind], home)))
        yield (found[0], found[1]) if len(found) == 2 else None  # noqa: PLR2004 - a pair


def environment_proxy(server: str) -> str | None:
    """The proxy that the environment names for a URL, as curl and kubectl take it."""
    parts = urllib.parse.urlsplit(server)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _inside_pod() -> Access:
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "kubernetes.default.svc")
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    shown = f"[{host}]" if ":" in host else host
    try:
        tls = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
        namespace = (ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    except OSError as error:
        raise KubeconfigError(
            f"the pod's service account cannot be used: {error.strerror}", where=str(ACCOUNT)
        ) from error
    return Access(f"https://{shown}:{port}", tls, FileToken(ACCOUNT / "token"), namespace=namespace)


def _decoded(text: object) -> bytes:
    """Base64 of a kubeconfig; raises ValueError where nothing is left of it."""
    found = base64.b64decode("".join(str(text).split()), validate=True)
    if not found:
        raise ValueError("empty")
    return found


def _path(written: str, folder: Path) -> Path:
    return folder / Path(written).expanduser()


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
