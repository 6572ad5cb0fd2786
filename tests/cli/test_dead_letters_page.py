"""What the page about dead letters shows is what the commands print."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.docs.sessions import agrees, commands, stable
from tests.support.commands import Learnflow
from tests.support.letters import write

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.core.dead_letters import DeadLetter, Failure, Origin, headers
from learnflow_kafka.core.ports import NewRecord

PAGE = Path(__file__).parent.parent.parent / "docs/how-to/dead-letters.md"
STACK = "Traceback (most recent call last): ..."


def rejected(offset: int) -> NewRecord:
    """The dead letter of an empty question."""
    origin = Origin("learning.query", 0, offset, 0, "CreateTime", "tutor", "tutor")
    failure = Failure("app.Reject", "an empty question has no answer", STACK)
    says = DeadLetter(origin, failure, 1, 1_795_428_000_000 + offset * 300_000, "rejected")
    return NewRecord(
        "learning.query.tutor.dlt", b'{"query": "  "}', b"ada", tuple(headers(says)), partition=0
    )


def test_the_page_shows_what_the_commands_print(memory: MemoryKafka, learnflow: Learnflow):
    """Two empty questions: listed, shown, sent back one after the other, and removed."""
    memory.put_topic("learning.query", 3)
    memory.put_topic("learning.query.tutor.dlt")
    write(memory, [rejected(0), rejected(1)])
    wrong = []
    for command in commands(PAGE.read_text(encoding="utf-8")):
        done = learnflow(*shlex.split(command.line)[1:])
        asked = [stable(line) for line in done.err.splitlines()]
        said = [stable(line) for line in command.prints]
        printed = [stable(line) for line in done.text.splitlines()]
        if not agrees([line for line in said if line not in asked], printed):
            wrong.append("\n".join([command.line, *printed, *asked]))

    assert "\n\n".join(wrong) == ""
