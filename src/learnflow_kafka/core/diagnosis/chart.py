"""
What our chart calls the values that a way out names.

Controllers and ZooKeeper have values of their own under their own key; a broker's stand at the
top, but for those that place it. A test finds every name in the chart's schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis.roles import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

HEAP: Final = "heap"
RESOURCES: Final = "resources"
STORAGE_CLASS: Final = "storage.className"
NODE_SELECTOR: Final = "nodeSelector"
TOLERATIONS: Final = "tolerations"
"""Values that each kind of node has."""

APART: Final = "scheduling.nodes"
SPREAD: Final = "scheduling.zones"
AFFINITY: Final = "scheduling.affinity"
POD_SECURITY: Final = "podSecurityContext"
CONTAINER_SECURITY: Final = "securityContext"
"""Values that all kinds share."""

_OWN: Final = {Role.CONTROLLER: "controllers.", Role.ZOOKEEPER: "zookeeper."}
_PLACING: Final = frozenset({NODE_SELECTOR, TOLERATIONS})


def value(name: str, kind: Role) -> str:
    """
    The whole name of a value, for this kind of node.

    >>> value(TOLERATIONS, Role.BROKER), value(HEAP, Role.ZOOKEEPER)
    ('scheduling.tolerations', 'zookeeper.heap')
    """
    return _OWN.get(kind, "scheduling." if name in _PLACING else "") + name


def within(*names: str) -> str:
    """How a sentence says where the chart has it."""
    listed = " and ".join(f"`{name}`" for name in names)
    return f"(in the chart: {listed})"


def snippet(name: str, lines: Iterable[str]) -> str:
    """These lines as the value of that name, to be put into a file of values."""
    keys = [f"{'  ' * depth}{key}:" for depth, key in enumerate(name.split("."))]
    indent = "  " * len(keys)
    return "\n".join(("# values of the chart", *keys, *(indent + line for line in lines), ""))
