"""Taking a live cluster over: its topics become a catalog, and nothing changes."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from learnflow_kafka.app.plan import with_configs
from learnflow_kafka.core.names import is_internal, is_reserved
from learnflow_kafka.core.plans.adoption import adopted
from learnflow_kafka.errors import NotAuthorizedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learnflow_kafka.core.catalog import Catalog
    from learnflow_kafka.core.plans.desired import Notice
    from learnflow_kafka.core.ports import KafkaAdmin


@dataclass(frozen=True, slots=True)
class Adopted:
    """A catalog of a live cluster; `left_out` counts internal topics and our own."""

    cluster_id: str
    catalog: Catalog
    notices: tuple[Notice, ...]
    left_out: int


def adopt(admin: KafkaAdmin, name: str, only: Sequence[str] = ()) -> Adopted:
    """
    The catalog of the topics that live there, or of those that fit a pattern.

    Raises UsageError where nothing fits, NotAuthorizedError where configs may not be read.
    """
    cluster_id = admin.cluster().cluster_id
    found = admin.topics()
    chosen = {n: s for n, s in found.items() if not only or any(fnmatchcase(n, p) for p in only)}
    if only and not chosen:
        raise UsageError(f"no topic of the cluster fits {' or '.join(only)}")
    inside = [n for n, s in chosen.items() if s.internal or is_internal(n) or is_reserved(n)]
    live = with_configs(admin, {n: s for n, s in chosen.items() if n not in set(inside)})
    hidden = sorted(n for n, s in live.items() if s.configs is None)
    if hidden:
        raise NotAuthorizedError(
            f"the configs of {len(hidden)} topics cannot be read, {hidden[0]} among them",
            fix="grant DescribeConfigs on them to this user",
        )
    catalog, notices = adopted(name, live.values())
    return Adopted(cluster_id, catalog, notices, len(inside))
