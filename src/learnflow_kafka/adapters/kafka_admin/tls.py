"""TLS for kafka-python: certificates from PEM files, and sockets that are always closed."""

from __future__ import annotations

import ssl
import weakref
from typing import TYPE_CHECKING, Any

from learnflow_kafka.core.connection import Protocol, Secret
from learnflow_kafka.errors import ContextError

if TYPE_CHECKING:
    from learnflow_kafka.core.connection import Connection, SecretRef, Tls


class TlsContext(ssl.SSLContext):
    """
    A context that can close the sockets it made.

    The library forgets a socket whose handshake failed, and leaves it to the garbage
    collector.
    """

    _made: weakref.WeakSet[ssl.SSLSocket]

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """The socket with TLS around it, remembered."""
        if not hasattr(self, "_made"):
            self._made = weakref.WeakSet()
        made = super().wrap_socket(*args, **kwargs)
        self._made.add(made)
        return made

    def close_sockets(self) -> None:
        """Close what is still open."""
        for made in list(getattr(self, "_made", ())):
            made.close()


def tls_context(connection: Connection) -> TlsContext | None:
    """
    The connection's certificates, ready for use; None without TLS.

    Raises `ContextError` for a file that cannot be used.
    """
    if connection.protocol not in {Protocol.SSL, Protocol.SASL_SSL}:
        return None
    context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if connection.tls is None or connection.tls.ca is None:
        context.load_default_certs()
    if connection.tls is not None:
        _load(context, connection.tls)
    return context


def _load(context: TlsContext, tls: Tls) -> None:
    context.check_hostname = tls.verify_hostname
    try:
        if tls.ca is not None:
            context.load_verify_locations(tls.ca)
        if tls.certificate is not None:
            password = None if tls.key_password is None else reveal(tls.key_password)
            # An empty password, so that an encrypted key never asks on the terminal.
            context.load_cert_chain(tls.certificate, tls.key, password or "")
    except (OSError, ssl.SSLError) as error:
        raise ContextError(
            f"the certificates cannot be used ({error.strerror or error})",
            where=", ".join(name for name in (tls.ca, tls.certificate, tls.key) if name),
            fix="check that each file exists, holds PEM, and that the key is the certificate's",
        ) from error


def reveal(secret: Secret | SecretRef) -> str:
    """The secret itself; a reference that nobody resolved is an error."""
    if not isinstance(secret, Secret):
        raise ContextError("a secret was not resolved before connecting")
    return secret.reveal()
