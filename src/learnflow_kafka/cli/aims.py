"""
Next commands that mean the cluster that this one was told.

What the layers below recommend names no cluster (`learnflow verify`), since only the command
line knows by which words it was named. A command without them would go to another one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.local import name_flag, name_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from learnflow_kafka.cli.options import Target
    from learnflow_kafka.core.findings import Report

HERE: Final = ("up", "down", "status", "logs", "kafka-tool")
"""Commands that take `--name`: a cluster of this machine."""

FAR: Final = (
    "plan",
    "apply",
    "adopt",
    "verify",
    "doctor",
    "topics list",
    "topics describe",
    "topics delete",
    "produce",
    "consume",
    "groups list",
    "groups describe",
    "groups reset",
    "groups delete",
    "lag",
    "dlt list",
    "dlt show",
    "dlt replay",
    "dlt purge",
    "demo",
)
"""Commands that take `--context` and `--bootstrap`."""

_CONTEXT: Final = ("-c", "--context")
_BOOTSTRAP: Final = ("-b", "--bootstrap")
_NAME: Final = "--name"
_AIMED: Final = r"(?![^`\n]* (?:-b|-c|--bootstrap|--context|--name|--namespace|--all)\b)"
_COMMAND: Final = re.compile(
    rf"\blearnflow (?P<command>{'|'.join((*HERE, *FAR))})(?![\w-]){_AIMED}"
)


@dataclass(frozen=True, slots=True)
class Aim:
    """The flags that name the cluster, with a space before them; empty where none is needed."""

    far: str = ""
    here: str = ""


def of_cluster(name: str) -> Aim:
    """The aim at a cluster of this machine."""
    flag = name_flag(name)
    return Aim(f" -c local/{name}" if flag else "", flag)


def of_context(name: str | None) -> Aim:
    """The aim at a context; None is the one that holds where none is named."""
    if name is None:
        return Aim()
    cluster = name_in(name)
    return Aim(f" -c {name}", "" if cluster is None else name_flag(cluster))


def of_target(target: Target) -> Aim:
    """The aim of a command that was told a context or addresses."""
    return (
        of_context(target.context) if target.bootstrap is None else Aim(f" -b {target.bootstrap}")
    )


def of_words(args: Iterable[str]) -> Aim:
    """The aim of a command, by its words."""
    words = iter(args)
    command = next(words, "")
    for word in words:
        if word == "--":
            break
        flag, _, value = word.partition("=")
        if flag in _CONTEXT:
            return of_context(value or next(words, ""))
        if flag in _BOOTSTRAP:
            return Aim(f" -b {value or next(words, '')}")
        if flag == _NAME and command in HERE:
            return of_cluster(value or next(words, ""))
    return Aim()


def aimed(text: str, aim: Aim) -> str:
    """
    The text with the cluster named in every command of ours that can name it and does not.

    >>> aimed("see `learnflow plan`, or learnflow down --wipe", of_cluster("shop"))
    'see `learnflow plan -c local/shop`, or learnflow down --name shop --wipe'
    """

    def named(found: re.Match[str]) -> str:
        return found[0] + (aim.here if found["command"] in HERE else aim.far)

    return _COMMAND.sub(named, text)


def report(found: Report, aim: Aim) -> Report:
    """The report with every next step at the cluster."""
    findings = (replace(f, fix=f.fix and aimed(f.fix, aim)) for f in found.findings)
    return replace(found, findings=tuple(findings))
