"""`learnflow groups`, on Kafka in memory."""

from __future__ import annotations

import pytest
from tests.support.commands import Learnflow

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.core.observed import GroupProtocol, TopicPartition
from learnflow_kafka.core.ports import NewRecord

ZERO = TopicPartition("orders", 0)


@pytest.fixture(autouse=True)
def groups(memory: MemoryKafka) -> None:
    """`billing` rests at 4 of 10; `live` is active, `shared` is a share group."""
    memory.put_topic("orders", 2)
    records = (NewRecord("orders", b"v", partition=0) for _ in range(10))
    list(memory.produce(records, partitioner="murmur2_random", timeout=1))
    memory.commit_offsets("billing", {ZERO: 4})
    memory.join("live", ["orders"], protocol=GroupProtocol.CONSUMER, client_id="svc")
    memory.join("shared", ["orders"], protocol=GroupProtocol.SHARE)
    memory.requests.clear()


def test_list_shows_state_protocol_members_and_lag(learnflow: Learnflow):
    """Every protocol's groups are shown; a lag that has no meaning is a question mark."""
    rows = {r.split()[0]: r.split()[1:] for r in learnflow("groups", "list").text.splitlines()}

    assert rows["billing"] == ["Empty", "classic", "0", "orders", "6"]
    assert rows["live"][:3] == ["Stable", "consumer", "1"]
    assert rows["shared"] == ["Stable", "share", "1", "none", "?"]


def test_describe_shows_each_partition_and_member(learnflow: Learnflow):
    """Committed, end, lag and the member that reads."""
    (found,) = learnflow("groups", "describe", "billing", "--json").json["groups"]
    done = learnflow("groups", "describe", "live")

    assert found["records"] == 6
    assert found["topics"][0]["partitions"][0]["committed"] == 4
    assert "svc" in done.text
    assert "no commit" in done.text


def test_reset_only_shows_unless_executed(learnflow: Learnflow, memory: MemoryKafka):
    """The default is a preview, --dry-run wins over --execute, and neither changes anything."""
    args = ("groups", "reset", "billing", "--to", "earliest")
    preview = learnflow(*args)
    dry = learnflow(*args, "--execute", "--dry-run", "--json")

    assert preview.code == 0
    assert "Nothing was changed" in preview.text
    assert (dry.json["executed"], dry.json["moves"][0]["after"]) == (False, 0)
    assert not memory.mutations


def test_a_rehearsed_reset_does_not_ask_for_the_flag_that_was_given(learnflow: Learnflow):
    """With --execute --dry-run it was a rehearsal; --execute is recommended where it is missing."""
    args = ("groups", "reset", "billing", "--to", "earliest")

    assert learnflow(*args, "--execute", "--dry-run").text.endswith(
        "dry run: nothing was changed\n"
    )
    assert "add --execute" in learnflow(*args).text


def test_reset_executes_after_a_yes(learnflow: Learnflow, memory: MemoryKafka):
    """Without --yes and without a terminal it refuses; with it the place moves."""
    args = ("groups", "reset", "billing", "--to", "shift:-2", "--partition", "0", "--execute")
    refused = learnflow(*args)
    done = learnflow(*args, "--yes")

    assert refused.code == 2
    assert done.code == 0
    assert memory.committed(["billing"])["billing"] == {ZERO: 2}


def test_reset_that_leaves_partitions_behind_fails(learnflow: Learnflow):
    """A shift cannot move partitions without a commit: exit 1, and the reason is shown."""
    done = learnflow("groups", "reset", "billing", "--to", "shift:-2", "--execute", "--yes")

    assert done.code == 1
    assert "no commit to shift from" in done.text


def test_an_active_group_is_refused_by_its_members(learnflow: Learnflow, memory: MemoryKafka):
    """Reset and delete name who is in the way, and send nothing."""
    reset = learnflow("groups", "reset", "live", "--to", "latest", "--topic", "orders", "--execute")
    delete = learnflow("groups", "delete", "live", "--yes")

    assert (reset.code, delete.code) == (1, 1)
    assert "svc at memory" in reset.err
    assert "svc at memory" in delete.err
    assert not memory.mutations


def test_delete_shows_what_is_forgotten(learnflow: Learnflow, memory: MemoryKafka):
    """--dry-run shows the places; --yes deletes the group."""
    dry = learnflow("groups", "delete", "billing", "--dry-run", "--json").json
    done = learnflow("groups", "delete", "billing", "--yes")

    assert dry["groups"][0]["committed"] == [{"topic": "orders", "partition": 0, "offset": 4}]
    assert done.text.splitlines() == [
        "billing: forgets 1 committed offset on orders",
        "billing: deleted",
    ]
    assert "billing" not in {g.name for g in memory.groups()}


@pytest.mark.parametrize("aim", ["begin", "shift:x", "-5"])
def test_an_unknown_place_is_wrong_usage(learnflow: Learnflow, aim: str):
    """Exit 2, with the forms that are known."""
    done = learnflow("groups", "reset", "billing", f"--to={aim}")

    assert done.code == 2
    assert "shift:-10" in done.err
