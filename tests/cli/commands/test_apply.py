"""`learnflow apply`, on Kafka in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.commands import Learnflow

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.core.ports import NewRecord
from learnflow_kafka.errors import UnreachableError
from learnflow_kafka.wiring import contexts

CATALOG = (
    "version: 1\nname: shop\ntopics:\n  a: {partitions: 2, retention: 7d}\n  b: {partitions: 1}\n"
)


@pytest.fixture
def flags(memory: MemoryKafka, tmp_path: Path) -> tuple[str, ...]:
    """Flags for a catalog of two topics on an empty cluster."""
    (tmp_path / "shop.yaml").write_text(CATALOG)
    return ("--catalog", str(tmp_path / "shop.yaml"))


def test_it_shows_does_and_proves(learnflow: Learnflow, flags: tuple[str, ...]):
    """The plan, a line a step, and the proof; again, there is nothing to do."""
    first = learnflow("apply", *flags, "--yes")
    second = learnflow("apply", *flags)

    assert first.code == 0
    assert "+ create a: 2 partitions" in first.text
    assert "[1/2] done  + create a\n[2/2] done  + create b\n" in first.text
    assert first.text.endswith("proved: a second plan is empty\n")
    assert second.code == 0
    assert "nothing to do" in second.text


def test_nobody_to_ask_changes_nothing(
    learnflow: Learnflow, flags: tuple[str, ...], memory: MemoryKafka
):
    """Without a terminal and without --yes it is wrong usage, after the plan was shown."""
    done = learnflow("apply", *flags)

    assert done.code == 2
    assert "+ create a" in done.text
    assert "add --yes" in done.err
    assert memory.mutations == []


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_dry_run_changes_nothing(
    learnflow: Learnflow, flags: tuple[str, ...], memory: MemoryKafka, form: tuple[str, ...]
):
    """--dry-run shows the plan, also beside --yes."""
    done = learnflow("apply", *flags, "--dry-run", "--yes", *form)

    assert done.code == 0
    assert "a" in done.text
    assert memory.mutations == []


def test_a_protected_context_wants_its_name(
    learnflow: Learnflow,
    flags: tuple[str, ...],
    memory: MemoryKafka,
    monkeypatch: pytest.MonkeyPatch,
):
    """--yes alone is not enough."""
    prod = Context("prod", Connection(("m:1",)), protected=True)
    contexts.edit(lambda b: b.with_context(prod))

    refused = learnflow("apply", *flags, "-c", "prod", "--yes")
    monkeypatch.setenv("LEARNFLOW_CONFIRM", "prod")

    assert (refused.code, memory.mutations) == (2, [])
    assert learnflow("apply", *flags, "-c", "prod", "--yes").code == 0


def test_a_saved_plan_is_carried_out(
    learnflow: Learnflow, flags: tuple[str, ...], memory: MemoryKafka, tmp_path: Path
):
    """The very plan of the file, and it is proved."""
    file = str(tmp_path / "p.json")
    learnflow("plan", *flags, "--only", "topic/a", "--out", file)

    done = learnflow("apply", file, *flags, "--yes")

    assert done.code == 0
    assert sorted(memory.topics()) == ["a"]


def test_a_saved_plan_is_refused_when_the_cluster_moved_on(
    learnflow: Learnflow, flags: tuple[str, ...], memory: MemoryKafka, tmp_path: Path
):
    """Also its own second run: the cluster is no longer what it saw."""
    file = str(tmp_path / "p.json")
    learnflow("plan", *flags, "--out", file)
    memory.put_topic("a", 5)

    done = learnflow("apply", file, *flags, "--yes")

    assert done.code == 1
    assert "a: it exists now" in done.err
    assert memory.mutations == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "this is not a plan"),
        ("version: 1", "this is not a plan: not JSON"),
        ("[" * 100_000, "this is not a plan: not JSON"),
        ('{"kind": "plan", "version": 9}', "of version 9"),
    ],
)
def test_other_files_are_no_plans(
    learnflow: Learnflow, flags: tuple[str, ...], tmp_path: Path, text: str, message: str
):
    """The file is named with what is wrong."""
    file = tmp_path / "p.json"
    file.write_text(text)

    done = learnflow("apply", str(file), *flags, "--yes")

    assert done.code == 1
    assert f"{file}: " in done.err
    assert message in done.err


def test_a_saved_plan_takes_no_selectors_and_its_own_catalog_only(
    learnflow: Learnflow, flags: tuple[str, ...], tmp_path: Path
):
    """What a plan covers stands in the plan."""
    file = str(tmp_path / "p.json")
    learnflow("plan", *flags, "--out", file)
    other = tmp_path / "other.yaml"
    other.write_text(CATALOG.replace("shop", "other"))

    assert learnflow("apply", file, "--only", "topic/a").code == 2
    assert "made for environment 'none', not 'x'" in learnflow("apply", file, "--env", "x").err
    assert (
        "from catalog 'shop', not 'other'"
        in learnflow("apply", file, "--catalog", str(other), "--yes").err
    )


def test_json_tells_every_step_and_the_proof(learnflow: Learnflow, flags: tuple[str, ...]):
    """One object: the plan, an entry a step, what a second plan holds."""
    found = learnflow("apply", *flags, "--yes", "--json").json

    assert (found["kind"], found["ok"], found["error"]) == ("applied", True, None)
    assert [(s["topic"], s["result"]) for s in found["steps"]] == [("a", "done"), ("b", "done")]
    assert found["proof"] == {"empty": True, "left": [], "later": [], "blocked": []}


def test_json_tells_what_stopped_it(
    learnflow: Learnflow, flags: tuple[str, ...], memory: MemoryKafka
):
    """The steps that were done stand beside the error, in one object."""

    def cut(sent: object, moment: object) -> None:
        if memory.mutations:
            raise UnreachableError("no broker answers")

    memory.hooks.append(cut)
    done = learnflow("apply", *flags, "--yes", "--json", "--wait", "1s")

    assert done.code == 1
    assert done.json["error"]["error"] == "UnreachableError"
    assert done.json["ok"] is False


def test_blocked_topics_exit_1_and_the_rest_is_done(
    learnflow: Learnflow, flags: tuple[str, ...], memory: MemoryKafka
):
    """A topic that cannot be had does not hold up the others."""
    memory.put_topic("a", 9)

    done = learnflow("apply", *flags, "--yes")

    assert done.code == 1
    assert "[fewer-partitions]" in done.text
    assert sorted(memory.topics()) == ["a", "b"]


def test_a_wrong_wait_is_wrong_usage(learnflow: Learnflow, flags: tuple[str, ...]):
    """Durations are written with a unit."""
    done = learnflow("apply", *flags, "--wait", "soon")

    assert done.code == 2
    assert "--wait: 'soon' is not a duration" in done.err


def test_a_saved_plan_finds_its_catalog_by_itself(
    learnflow: Learnflow, flags: tuple[str, ...], tmp_path: Path
):
    """Whoever applies a reviewed plan names the plan and nothing else; the proof holds."""
    file = str(tmp_path / "p.json")
    learnflow("plan", *flags, "--out", file)
    done = learnflow("apply", file, "--yes")

    assert done.code == 0
    assert done.text.endswith("proved: a second plan is empty\n")


def test_a_saved_plan_whose_catalog_is_gone_says_where_it_was(
    learnflow: Learnflow, flags: tuple[str, ...], tmp_path: Path, memory: MemoryKafka
):
    """Nothing is done where nothing could be proved afterwards."""
    file = str(tmp_path / "p.json")
    learnflow("plan", *flags, "--out", file)
    Path(flags[1]).rename(tmp_path / "elsewhere.yaml")
    done = learnflow("apply", file, "--yes")
    named = learnflow("apply", file, "--yes", "--catalog", str(tmp_path / "elsewhere.yaml"))

    assert (done.code, named.code) == (2, 0)
    assert f"{file}: its catalog {flags[1]!r} is not here" in done.err
    assert "name the catalog with --catalog" in done.err


@pytest.mark.parametrize("flag", ["--catalog", "--env", "--context", "--bootstrap"])
@pytest.mark.parametrize("verb", ["plan", "apply", "verify"])
def test_an_unset_variable_of_a_script_chooses_nothing(
    learnflow: Learnflow, memory: MemoryKafka, verb: str, flag: str
):
    """An empty value is refused and never stands for the default."""
    done = learnflow(verb, flag, "", *(("--yes",) if verb == "apply" else ()))

    assert done.code in {1, 2}
    assert "error:" in done.err
    assert memory.mutations == []


def test_an_edited_plan_changes_nothing(
    learnflow: Learnflow, flags: tuple[str, ...], memory: MemoryKafka, tmp_path: Path
):
    """A retention changed by hand in the file is refused before anything is asked of Kafka."""
    file = tmp_path / "p.json"
    learnflow("plan", *flags, "--out", str(file))
    text = file.read_text()
    file.write_text(text.replace(str(7 * DAY_MS), "3600000"))
    memory.requests.clear()

    done = learnflow("apply", str(file), *flags, "--yes")

    assert file.read_text() != text
    assert done.code == 1
    assert "its content does not fit its digest" in done.err
    assert memory.requests == []


# --- what a saved plan removes ------------------------------------------------


CUTTING = """\
version: 1
name: shop
topics:
  cut: {partitions: 1, retention: 1d}
deleted:
  old: {reason: nobody reads it}
"""
DAY_MS = 86_400_000


@pytest.fixture
def saved(
    learnflow: Learnflow, memory: MemoryKafka, tmp_path: Path
) -> Callable[..., tuple[str, ...]]:
    """Save a plan that cuts `cut` and deletes `old`, with ten old records in each."""
    (tmp_path / "shop.yaml").write_text(CUTTING)
    memory.put_topic("cut", 1, config={"retention.ms": str(30 * DAY_MS)})
    memory.put_topic("old", 1)
    write(memory, "cut", 10)
    write(memory, "old", 10)
    file, catalog = str(tmp_path / "p.json"), str(tmp_path / "shop.yaml")

    def save(*flags: str) -> tuple[str, ...]:
        made = learnflow("plan", "--catalog", catalog, *flags, "--out", file)
        assert made.code == 0, made.err
        memory.requests.clear()
        return ("apply", file, "--catalog", catalog, "--yes")

    return save


def write(memory: MemoryKafka, topic: str, number: int) -> None:
    """Records of three days ago."""
    stamp = time.time_ns() // 1_000_000 - 3 * DAY_MS
    records = (NewRecord(topic, b"x", partition=0, timestamp_ms=stamp) for _ in range(number))
    assert len(list(memory.produce(records, partitioner="murmur2_random", timeout=1))) == number


def altered(memory: MemoryKafka) -> set[str]:
    """The topics that some request changed."""
    return {item for sent in memory.mutations if sent.api != "Produce" for item in sent.items}


def test_a_saved_plan_that_removes_what_it_showed_is_carried_out(
    learnflow: Learnflow, saved: Callable[..., tuple[str, ...]], memory: MemoryKafka
):
    """Both figures are the same, and shown."""
    done = learnflow(*saved())

    assert done.code == 0, done.err
    assert (
        "records that go from cut: up to 10 records when the plan was made, up to 10 records now"
        in done.text
    )
    assert altered(memory) == {"cut"}


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_saved_plan_that_would_remove_more_is_refused(
    learnflow: Learnflow,
    saved: Callable[..., tuple[str, ...]],
    memory: MemoryKafka,
    dry: tuple[str, ...],
):
    """Records that came after the review are not covered by it; a rehearsal says so too."""
    words = saved()
    write(memory, "cut", 5_000)
    done = learnflow(*words, *dry)

    assert done.code == 1
    assert "cut: up to 10 records when the plan was made, up to 5,010 records now" in done.err
    assert "--remove-anyway cut" in done.err
    assert altered(memory) == set()


def test_more_is_removed_where_the_topic_is_named(
    learnflow: Learnflow, saved: Callable[..., tuple[str, ...]], memory: MemoryKafka
):
    """The flag accepts what goes now; JSON has both figures."""
    words = saved()
    write(memory, "cut", 5_000)
    done = learnflow(*words, "--remove-anyway", "cut", "--json")

    assert done.code == 0
    assert done.json["removals"] == [{"topic": "cut", "shown": 10, "now": 5_010, "grew": True}]
    assert altered(memory) == {"cut"}


def test_what_is_written_while_the_question_stands_counts_too(
    learnflow: Learnflow,
    saved: Callable[..., tuple[str, ...]],
    memory: MemoryKafka,
    monkeypatch: pytest.MonkeyPatch,
):
    """An answer is about what was shown, however late it comes."""
    words = saved()[:-1]
    monkeypatch.setattr(
        "learnflow_kafka.cli.confirm.ask", lambda _question: write(memory, "cut", 1)
    )
    done = learnflow(*words)

    assert done.code == 1
    assert "up to 11 records now" in done.err
    assert altered(memory) == set()


def test_a_deletion_of_more_than_was_shown_is_refused(
    learnflow: Learnflow, saved: Callable[..., tuple[str, ...]], memory: MemoryKafka
):
    """Also where the plan was told to delete it although its data is fresh."""
    words = saved("--only", "topic/old", "--allow-delete", "old", "--delete-anyway", "old")
    write(memory, "old", 1)
    refused = learnflow(*words)
    before = altered(memory)
    done = learnflow(*words, "--remove-anyway", "old")

    assert refused.code == 1
    assert "old: up to 10 records when the plan was made, up to 11 records now" in refused.err
    assert before == set()
    assert done.code == 0
    assert altered(memory) == {"old"}


def test_accepting_a_removal_needs_a_plan_that_makes_one(
    learnflow: Learnflow, saved: Callable[..., tuple[str, ...]], memory: MemoryKafka
):
    """Another topic's name, or no saved plan, is wrong usage."""
    words = saved()

    assert learnflow(*words, "--remove-anyway", "cat").code == 2
    assert learnflow("apply", *words[2:], "--remove-anyway", "cut").code == 2
    assert altered(memory) == set()
