"""
The flags of `context add` to a context.

The protocol follows from what is given, and a password is never sent without TLS unless that
is asked for by name. Paths become absolute: a context means the same from every folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from learnflow_kafka.core.catalog import own_path
from learnflow_kafka.core.connection import (
    Connection,
    Context,
    Mechanism,
    Protocol,
    Sasl,
    SecretRef,
    SecretSource,
    Tls,
    parse_bootstrap,
)
from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


def context_of(name: str, settings: Mapping[str, Any]) -> Context:
    """
    The context that the flags of `context add` describe; `settings` by their names.

    Raises UsageError where they do not fit together.
    """
    try:
        bootstrap = parse_bootstrap(settings["bootstrap"])
    except ValueError as error:
        raise UsageError(str(error), where="--bootstrap") from error
    sasl = _sasl(settings)
    tls = _tls(settings)
    protocol = _protocol(settings["protocol"], tls=tls is not None, sasl=sasl is not None)
    return Context(
        name,
        Connection(bootstrap, protocol, tls, sasl),
        environment=settings["environment"],
        catalog=_absolute(own_path(settings["catalog"])),
        protected=settings["protected"],
    )


def _protocol(said: str | None, *, tls: bool, sasl: bool) -> Protocol:
    if said is None:
        if sasl:
            return Protocol.SASL_SSL
        return Protocol.SSL if tls else Protocol.PLAINTEXT
    protocol = Protocol(said.upper())
    if sasl != protocol.value.startswith("SASL"):
        _mismatch(protocol, "--username", needed=not sasl)
    if tls and not protocol.value.endswith("SSL"):
        _mismatch(protocol, "TLS options", needed=False)
    return protocol


def _mismatch(protocol: Protocol, what: str, *, needed: bool) -> NoReturn:
    raise UsageError(f"{protocol.value} {'needs' if needed else 'takes no'} {what}")


def _tls(settings: Mapping[str, Any]) -> Tls | None:
    key_password = _secret(settings, "key_password")
    own = (settings["ca"], settings["certificate"], settings["key"], key_password)
    if (settings["certificate"] is None) != (settings["key"] is None):
        raise UsageError("--certificate and --key go together")
    if not (any(own) or settings["tls"] or settings["no_verify_hostname"]):
        return None
    return Tls(
        _existing(settings["ca"], "--ca"),
        _existing(settings["certificate"], "--certificate"),
        _existing(settings["key"], "--key"),
        key_password,
        verify_hostname=not settings["no_verify_hostname"],
    )


def _sasl(settings: Mapping[str, Any]) -> Sasl | None:
    password = _secret(settings, "password")
    username, mechanism = settings["username"], settings["mechanism"]
    if username is None:
        if password or mechanism:
            raise UsageError("a password or mechanism needs --username")
        return None
    if password is None:
        raise UsageError(
            f"where is the password of {username}?",
            fix="add --password-file PATH, --password-env NAME or --password-command 'LINE'",
        )
    return Sasl(Mechanism(mechanism or Mechanism.SCRAM_SHA_512), username, password)


def _secret(settings: Mapping[str, Any], name: str) -> SecretRef | None:
    found = [
        SecretRef(source, value)
        for source in SecretSource
        if (value := settings[f"{name}_{source.value}"]) is not None
    ]
    if len(found) > 1:
        option = name.replace("_", "-")
        raise UsageError(f"give one of --{option}-file, --{option}-env and --{option}-command")
    if found and found[0].source is SecretSource.FILE:
        return SecretRef(SecretSource.FILE, str(Path(found[0].value).expanduser().absolute()))
    return found[0] if found else None


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).expanduser().absolute())


def _existing(path: str | None, option: str) -> str | None:
    found = _absolute(path)
    if found is not None and not Path(found).is_file():
        raise UsageError(f"there is no file {found}", where=option)
    return found
