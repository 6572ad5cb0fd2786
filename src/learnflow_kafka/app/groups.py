"""Consumer groups for people: who reads what, how far, and moving or removing a group's place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from learnflow_kafka.app.lag import SHARE, Question, collect
from learnflow_kafka.app.lookup import extents, fault_error, find_topics, partitions_in
from learnflow_kafka.core.lag import GroupLag, PartitionLag, TopicLag, partition_lag
from learnflow_kafka.core.observed import GroupProtocol, TopicPartition
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.core.resets import Move, ResetKind, ResetTo, move
from learnflow_kafka.core.suggest import did_you_mean
from learnflow_kafka.errors import RefusedError, RequestError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from learnflow_kafka.core.observed import GroupDescription, GroupListing, OffsetAt
    from learnflow_kafka.core.ports import KafkaAdmin


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """One line of the list; `members` None: not told."""

    lag: GroupLag
    members: int | None


@dataclass(frozen=True, slots=True)
class GroupDetail:
    """One group with its members, and its place in each partition it reads."""

    description: GroupDescription
    lag: GroupLag


@dataclass(frozen=True, slots=True)
class ResetRequest:
    """
    Whose place goes where.

    Empty `topics`: those in which the group has a place. Every partition of a topic is moved,
    with a place or without, unless `partitions` names some or `only_committed` is set.
    """

    group: str
    to: ResetTo
    topics: tuple[str, ...] = ()
    partitions: frozenset[int] | None = None
    only_committed: bool = False


@dataclass(frozen=True, slots=True)
class ResetPreview:
    """What a reset would do; `active` describes the members that stand in its way."""

    group: str
    moves: tuple[Move, ...]
    active: tuple[str, ...] = ()

    @property
    def stuck(self) -> tuple[Move, ...]:
        """The partitions that cannot be moved."""
        return tuple(m for m in self.moves if m.after is None)


@dataclass(frozen=True, slots=True)
class Moved:
    """How one partition's move ended; `fault` None: it is committed."""

    move: Move
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class GroupLoss:
    """What deleting a group forgets: its place in each topic; `active` stands in the way."""

    group: str
    places: Mapping[TopicPartition, int]
    active: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupDeleted:
    """How the deletion of one group ended; `fault` None: it is gone."""

    group: str
    fault: Fault | None


def list_groups(admin: KafkaAdmin) -> tuple[GroupSummary, ...]:
    """Every group by name, with its lag."""
    report = collect(admin, Question(), now_ms=0)
    descriptions = admin.describe_groups([g.group for g in report.groups])
    return tuple(
        GroupSummary(lag, _member_count(descriptions.get(lag.group))) for lag in report.groups
    )


def describe_groups(admin: KafkaAdmin, names: Sequence[str]) -> tuple[GroupDetail, ...]:
    """
    The named groups.

    Raises RequestError where one does not exist, or cannot be described.
    """
    listed = _require(admin, names)
    report = collect(admin, Question(tuple(names)), now_ms=0)
    descriptions = admin.describe_groups(names)
    details = []
    for lag in report.groups:
        description = descriptions[lag.group]
        if isinstance(description, Fault):
            raise fault_error(f"group {lag.group}", description)
        # Listing knows the state of every protocol's groups; describing does not everywhere.
        known = replace(
            description, state=listed[lag.group].state, protocol=listed[lag.group].protocol
        )
        details.append(GroupDetail(known, _with_members(admin, lag, known)))
    return tuple(details)


def preview_reset(admin: KafkaAdmin, request: ResetRequest) -> ResetPreview:
    """
    Every move that a reset would make.

    A group that does not exist is made by its first place, if topics are named. Raises
    RequestError for unknown names, RefusedError for a share group.
    """
    listed = {g.name: g for g in admin.groups()}
    if request.group not in listed and not request.topics:
        raise _no_group([request.group], listed)
    _refuse_share([request.group], listed, "reset")
    places = _places(admin, request.group)
    partitions = _chosen(admin, request, places)
    ends = extents(admin, partitions)
    at_time = _at_time(admin, partitions, request.to)
    moves = tuple(
        move(p, places.get(p), request.to, ends[p], at_time=at_time.get(p)) for p in partitions
    )
    return ResetPreview(request.group, moves, _active(admin, [request.group])[request.group])


def require_resting(preview: ResetPreview) -> None:
    """Return where nobody is active; raises RefusedError, naming the members, otherwise."""
    if preview.active:
        raise RefusedError(
            f"group {preview.group} is active: {', '.join(preview.active)}",
            fix="stop its members, then run the command again",
        )


def reset(admin: KafkaAdmin, preview: ResetPreview) -> Iterator[Moved]:
    """
    Commit the previewed places; one event a partition.

    Raises RefusedError while the group is active, and names the members.
    """
    active = _active(admin, [preview.group])[preview.group]
    require_resting(replace(preview, active=active))
    wanted = {m.where: m for m in preview.moves if m.changes}
    offsets = {where: m.after for where, m in wanted.items() if m.after is not None}
    if not offsets:
        return
    for where, fault in admin.commit_offsets(preview.group, offsets).items():
        yield Moved(wanted[where], fault)


def group_losses(admin: KafkaAdmin, names: Sequence[str]) -> tuple[GroupLoss, ...]:
    """What deleting each group forgets; raises RequestError where one does not exist."""
    listed = _require(admin, names)
    _refuse_share(names, listed, "delete")
    active = _active(admin, names)
    return tuple(GroupLoss(name, _places(admin, name), active[name]) for name in names)


def require_deletable(losses: Sequence[GroupLoss]) -> None:
    """Return where every group rests; raises RefusedError, naming the members, otherwise."""
    busy = [f"{loss.group} ({', '.join(loss.active)})" for loss in losses if loss.active]
    if busy:
        raise RefusedError(
            f"still active: {'; '.join(busy)}", fix="stop the members, then run the command again"
        )


def delete_groups(admin: KafkaAdmin, losses: Sequence[GroupLoss]) -> Iterator[GroupDeleted]:
    """
    Delete the groups and their places; one event each.

    Raises RefusedError, before anything is deleted, where one is active.
    """
    require_deletable(losses)
    for name, fault in admin.delete_groups([loss.group for loss in losses]).items():
        yield GroupDeleted(name, fault)


def _require(admin: KafkaAdmin, names: Sequence[str]) -> dict[str, GroupListing]:
    listed = {g.name: g for g in admin.groups()}
    missing = [name for name in names if name not in listed]
    if missing:
        raise _no_group(missing, listed)
    return listed


def _no_group(missing: Sequence[str], listed: Collection[str]) -> RequestError:
    hints = [
        f"{name!r}" + (f" ({hint})" if (hint := did_you_mean(name, listed)) else "")
        for name in missing
    ]
    return RequestError(
        f"there is no group {', '.join(hints)}",
        code="GROUP_ID_NOT_FOUND",
        fix="see `learnflow groups list`",
    )


def _refuse_share(names: Sequence[str], listed: Mapping[str, GroupListing], verb: str) -> None:
    share = [n for n in names if n in listed and listed[n].protocol is GroupProtocol.SHARE]
    if share:
        raise RefusedError(
            f"cannot {verb} {', '.join(share)}: {SHARE}",
            fix="use Kafka's own kafka-share-groups.sh (`learnflow kafka-tool share-groups ...`)",
        )


def _member_count(description: GroupDescription | Fault | None) -> int | None:
    if description is None or isinstance(description, Fault) or description.members is None:
        return None
    return len(description.members)


def _active(admin: KafkaAdmin, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The members of each active group in words; empty where the group rests."""
    listed = {g.name: g for g in admin.groups()}
    live = [n for n in names if n in listed and listed[n].state.active]
    descriptions = admin.describe_groups(live) if live else {}
    return {n: _members(descriptions.get(n)) if n in live else () for n in names}


def _members(description: GroupDescription | Fault | None) -> tuple[str, ...]:
    if description is None or isinstance(description, Fault) or not description.members:
        return ("members that this broker does not name",)
    return tuple(f"{m.client_id} at {m.host.lstrip('/')}" for m in description.members)


def _places(admin: KafkaAdmin, group: str) -> Mapping[TopicPartition, int]:
    answer = admin.committed([group]).get(group, {})
    if isinstance(answer, Fault):
        raise fault_error(f"group {group}", answer)
    return answer


def _chosen(
    admin: KafkaAdmin, request: ResetRequest, places: Mapping[TopicPartition, int]
) -> list[TopicPartition]:
    names = request.topics or tuple(sorted({p.topic for p in places}))
    partitions = partitions_in(find_topics(admin, names).values())
    if request.partitions is not None:
        partitions = [p for p in partitions if p.partition in request.partitions]
    if request.only_committed:
        partitions = [p for p in partitions if p in places]
    return partitions


def _at_time(
    admin: KafkaAdmin, partitions: Collection[TopicPartition], to: ResetTo
) -> dict[TopicPartition, int | None]:
    if to.kind is not ResetKind.TIME or not partitions:
        return {}
    found: dict[TopicPartition, int | None] = {}
    for where, answer in admin.offsets(partitions, to.number).items():
        found[where] = _offset(where, answer)
    return found


def _offset(where: TopicPartition, answer: OffsetAt | Fault) -> int | None:
    if isinstance(answer, Fault):
        raise fault_error(str(where), answer)
    return answer.offset


def _with_members(admin: KafkaAdmin, lag: GroupLag, description: GroupDescription) -> GroupLag:
    """The lag with the member of each partition, and partitions read without a commit."""
    readers = {
        where: member.client_id
        for member in description.members or ()
        for where in member.assignment
    }
    known = {TopicPartition(t.topic, p.partition): p for t in lag.topics for p in t.partitions}
    fresh = [where for where in readers if where not in known]
    if lag.fault is None:
        ends = extents(admin, fresh)
        known |= {p: partition_lag(p.partition, None, ends[p]) for p in fresh}
    by_topic: dict[str, list[PartitionLag]] = {}
    for where in sorted(known):
        found = replace(known[where], member=readers.get(where))
        by_topic.setdefault(where.topic, []).append(found)
    topics = tuple(TopicLag(lag.group, t, tuple(found)) for t, found in by_topic.items())
    return replace(lag, topics=topics)
