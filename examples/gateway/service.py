"""The gateway for one student: asks the tutor, has a program run, and shows both replies."""

import asyncio
import sys
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

from learnflow_kafka.errors import NoReplyError, RemoteError
from learnflow_kafka.events import (
    CODE_EXECUTION_REQUEST_EXCHANGE,
    CONTRACT,
    LEARNING_QUERY_EXCHANGE,
    CodeExecutionRequest,
    LearningQuery,
)
from learnflow_kafka.sdk import AsyncAsker

R = TypeVar("R")


async def main(question: str, program: str) -> None:
    """Ask both at once; each has ten seconds."""
    student = f"student-{uuid.uuid4().hex[:8]}"
    query = LearningQuery(query_id=uuid.uuid4().hex, student_id=student, query=question)
    request = CodeExecutionRequest(
        execution_id=uuid.uuid4().hex, student_id=student, language="python", source=program
    )
    async with (
        AsyncAsker("gateway", CONTRACT, LEARNING_QUERY_EXCHANGE) as tutor,
        AsyncAsker("gateway", CONTRACT, CODE_EXECUTION_REQUEST_EXCHANGE) as runner,
    ):
        answer, output = await asyncio.gather(
            in_words(tutor.ask(query, timeout=10), lambda reply: reply.content),
            in_words(runner.ask(request, timeout=10), lambda reply: reply.stdout),
        )
    sys.stdout.write(f"tutor: {answer}\nprogram: {output}\n")


async def in_words(reply: Awaitable[R], words: Callable[[R], str]) -> str:
    """A reply, or what became of it, as a student may read it."""
    try:
        return words(await reply)
    except NoReplyError:
        return "no answer in time"
    except RemoteError as error:
        return f"could not be done ({error.kind})"


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
