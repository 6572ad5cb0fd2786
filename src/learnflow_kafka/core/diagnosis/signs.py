"""
What a log's lines tell: the few that name a cause, and none of the rest.

A log can hold anything, so nothing of it is kept but lines that match one of `SIGNS`, cut to
`LONGEST` characters and with every `password=...` blotted out. The sentences are Kafka's (3.9
and 4.x) and ZooKeeper's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LONGEST: Final = 300
"""Characters that are kept of a line."""

PER_SIGN: Final = 3
"""Lines of one sign that are kept of one log: the first says as much as the hundredth."""


class Sign(StrEnum):
    """What a line tells."""

    LOST_FOUND = "lost+found"
    CLUSTER_ID = "another cluster id"
    DISK_ID = "the cluster id of the disk"
    """No fault by itself: the chart starts a node with the id that its disk has."""
    NODE_ID = "another node id"
    UNFORMATTED = "not formatted"
    DISK_FULL = "disk full"
    OUT_OF_MEMORY = "out of memory"
    UNKNOWN_HOST = "unknown host"
    SASL_PLAINTEXT = "plaintext client on a SASL port"
    SASL_OTHER = "client of another protocol on a SASL port"
    TLS_PLAINTEXT = "plaintext client on a TLS port"
    TLS_FAILED = "TLS handshake failed"
    PLAINTEXT_TLS = "TLS client on a plaintext port"
    ZK_SESSION = "zookeeper session lost"
    ZK_NEWER_CLIENT = "client has seen a newer zxid"
    ZK_SMALLER_ID = "smaller server id"
    ZK_MYID = "myid"
    ZK_NO_QUORUM = "not serving"
    CONFIG = "bad configuration"
    ADDRESS_TAKEN = "address in use"
    PERMISSION = "permission denied"
    VOTERS = "voters"
    REFUSED = "refused by the chart's start script"


SIGNS: Final[Mapping[Sign, str]] = {
    Sign.LOST_FOUND: r"Found directory .*lost\+found",
    Sign.CLUSTER_ID: (
        r"InconsistentClusterIdException|InconsistentClusterId|INCONSISTENT_CLUSTER_ID"
        r"|Invalid cluster\.id in"
        r"|The Cluster ID \S+ doesn't match stored clusterId"
    ),
    Sign.DISK_ID: r"\[learnflow start\] this disk belongs to cluster ",
    Sign.NODE_ID: (
        r"InconsistentBrokerIdException|InconsistentNodeId|Stored node id \S+ doesn't match"
        r"|Configured broker\.id \S+ doesn't match|Invalid node\.id in"
    ),
    Sign.UNFORMATTED: (
        r"controller\.quorum\.voters is not set"
        r"|either controller\.quorum\.bootstrap\.servers must contain"
        r"|must specify (?:one of the following: )?--standalone"
        r"|No `meta\.properties` found|No readable meta\.properties"
        r"|appears to be for a legacy cluster"
    ),
    Sign.DISK_FULL: r"No space left on device|Disk quota exceeded",
    Sign.OUT_OF_MEMORY: r"java\.lang\.OutOfMemoryError|insufficient memory for the Java Runtime",
    Sign.UNKNOWN_HOST: r"UnknownHostException|Couldn't resolve server|No resolvable bootstrap",
    Sign.SASL_PLAINTEXT: r"Unexpected Kafka request of type \w+ during SASL handshake",
    Sign.SASL_OTHER: r"Failing SASL authentication due to invalid receive size",
    Sign.TLS_PLAINTEXT: r"Unsupported or unrecognized SSL message",
    Sign.TLS_FAILED: r"SSL handshake failed",
    # The first bytes of a TLS hello, 16 03 and its version, taken for the size of a request.
    Sign.PLAINTEXT_TLS: r"Invalid receive \(size = 36929[56]\d{3} ",
    Sign.ZK_SESSION: (
        r"Unable to reconnect to ZooKeeper service, session \S+ has expired"
        r"|Client session timed out, have not heard from server"
        r"|\[ZooKeeperClient .*\] (?:Session expired|Expired)|Zookeeper session expired"
        r"|ZooKeeperClientTimeoutException|Timed out waiting for connection while in state"
    ),
    Sign.ZK_NEWER_CLIENT: r"Refusing session request for client .* seen zxid",
    Sign.ZK_SMALLER_ID: r"Have smaller server identifier",
    Sign.ZK_MYID: (
        r"myid file is missing|serverid \S+ is not a number|My id \d+ not in the peer list"
        r"|Invalid config|myid.* does not match"
    ),
    Sign.ZK_NO_QUORUM: r"This ZooKeeper instance is not currently serving requests",
    Sign.CONFIG: (
        r"org\.apache\.kafka\.common\.config\.ConfigException|requirement failed:"
        r"|Missing required configuration|Unable to parse .* configuration"
    ),
    Sign.ADDRESS_TAKEN: r"Address already in use|BindException",
    Sign.PERMISSION: r"Permission denied|AccessDeniedException|Read-only file system",
    Sign.REFUSED: r"\[learnflow start\] refused: ",
    Sign.VOTERS: r"inconsistent voter set|INCONSISTENT_VOTER_SET|INVALID_VOTER_KEY",
}
_PATTERNS: Final = {sign: re.compile(pattern) for sign, pattern in SIGNS.items()}

_SECRETS: Final = (
    (re.compile(r"(?i)((?:pass(?:word|wd|phrase)?|secret|token|credential)s?\w*\s*[=:]\s*)"
                r"(\"[^\"]*\"|'[^']*'|[^\s,;]+)"), r"\1***"),
    (re.compile(r"(?i)(sasl\.jaas\.config\s*[=:]).*"), r"\1 ***"),
    (re.compile(r"(?i)(://)[^/@\s]+@"), r"\1***@"),
)  # fmt: skip
_HEAP: Final = re.compile(r"-Xmx\d+[kKmMgGtT]?|-XX:MaxRAMPercentage=[\d.]+")


@dataclass(frozen=True, slots=True)
class LogSign:
    """
    A line of a log that names a cause.

    `pod` is the pod (or process) that wrote it, `previous` whether its container before the
    last restart did.
    """

    pod: str
    sign: Sign
    line: str
    container: str = ""
    previous: bool = False


def signs(
    lines: Iterable[str], *, pod: str, container: str = "", previous: bool = False
) -> Iterator[LogSign]:
    """The telling lines of a log's tail, at most `PER_SIGN` of each kind, the newest ones."""
    kept: dict[Sign, list[str]] = {}
    for line in lines:
        for sign, pattern in _PATTERNS.items():
            if pattern.search(line):
                kept.setdefault(sign, []).append(blotted(line.strip())[:LONGEST])
    for sign, told in kept.items():
        for line in dict.fromkeys(told[-PER_SIGN:]):
            yield LogSign(pod, sign, line, container, previous)


def blotted(text: str) -> str:
    """
    The text without what looks like a secret.

    >>> blotted('user=app password="s3cret" at kafka://me:pw@host')
    'user=app password=*** at kafka://***@host'
    """
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def heap_option(options: str | None) -> str | None:
    """
    The option that sizes a JVM's heap, of all its options the only one that is kept.

    >>> heap_option("-Xms1g -Xmx1g -Dkey=secret")
    '-Xmx1g'
    """
    found = _HEAP.findall(options or "")
    return found[-1] if found else None
