"""A book of contexts to its file: whole or not at all, readable by its owner alone."""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from learnflow_kafka.core.connection import Protocol, SecretRef
from learnflow_kafka.errors import ContextError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from learnflow_kafka.core.connection import Context, Kubernetes, Sasl, Secret, Tls
    from learnflow_kafka.core.contexts import ContextBook

_HEAD = "# Written by `learnflow context`, which keeps no comments. Secrets are references only.\n"


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """
    Hold the file for one change: two commands at once both keep what they add.

    Raises ContextError where the folder cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(file.with_name(f".{file.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise _unsaved(file, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def save(book: ContextBook, file: Path) -> None:
    """
    Replace the file in one step; a reader sees the old book or the new one.

    Raises ContextError where the folder cannot be written.
    """
    text = _HEAD + yaml.safe_dump(_document(book), sort_keys=False, allow_unicode=True)
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _replace(file, text)
    except OSError as error:
        raise _unsaved(file, error) from error


def _unsaved(file: Path, error: OSError) -> ContextError:
    return ContextError(f"the contexts cannot be saved: {error.strerror}", where=str(file))


def _replace(file: Path, text: str) -> None:
    # mkstemp makes the file 0600 from its first byte.
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _document(book: ContextBook) -> dict[str, object]:
    contexts = {name: _context(context) for name, context in book.contexts.items()}
    return _some({"version": 1, "current": book.current, "contexts": contexts})


def _context(context: Context) -> dict[str, object]:
    connection = context.connection
    return _some(
        {
            "bootstrap": list(connection.bootstrap),
            "protocol": (
                None if connection.protocol is Protocol.PLAINTEXT else connection.protocol.value
            ),
            "tls": _tls(connection.tls) if connection.tls else None,
            "sasl": _sasl(connection.sasl) if connection.sasl else None,
            "cluster_id": context.cluster_id,
            "environment": context.environment,
            "catalog": context.catalog,
            "brokers": context.brokers,
            "protected": True if context.protected else None,
            "kubernetes": _kubernetes(context.kubernetes) if context.kubernetes else None,
        }
    )


def _kubernetes(place: Kubernetes) -> dict[str, object]:
    return _some(
        {
            "context": place.context,
            "namespace": place.namespace,
            "release": place.release,
            "kubeconfig": place.kubeconfig,
        }
    )


def _tls(tls: Tls) -> dict[str, object] | None:
    return (
        _some(
            {
                "ca": tls.ca,
                "certificate": tls.certificate,
                "key": tls.key,
                "key_password": _secret(tls.key_password),
                "verify_hostname": None if tls.verify_hostname else False,
            }
        )
        or None
    )


def _sasl(sasl: Sasl) -> dict[str, object]:
    return _some(
        {
            "mechanism": sasl.mechanism.value,
            "username": sasl.username,
            "password": _secret(sasl.password),
        }
    )


def _secret(secret: SecretRef | Secret | None) -> dict[str, str] | None:
    # An opened secret is never written, whatever a caller hands us.
    return {secret.source.value: secret.value} if isinstance(secret, SecretRef) else None


def _some(entries: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in entries.items() if value is not None}
