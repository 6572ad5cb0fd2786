"""
The struggle detector's handlers.

A finding is sent before the state is stored: after a crash between the two the event comes
again, and the same finding, with the same id, is sent again. The other way round it would be
lost.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Final, TypeVar

from learnflow_kafka.demo.struggle_detector import rules
from learnflow_kafka.events import (
    CODE_EXECUTION_RESULT,
    EXERCISE_GRADED,
    LEARNING_QUERY,
    STRUGGLE_DETECTED,
    CodeExecutionResult,
    ExerciseGraded,
    LearningQuery,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from learnflow_kafka.demo.struggle_detector.memory import Memory
    from learnflow_kafka.demo.struggle_detector.rules import Noticed, State
    from learnflow_kafka.sdk import App, Delivery

NAME: Final = "struggle-detector"
SENDS: Final = (STRUGGLE_DETECTED,)

E = TypeVar("E", LearningQuery, CodeExecutionResult, ExerciseGraded)


def register(app: App, memory: Memory) -> None:
    """Add the detector's handlers to its app."""
    # Three topics, one memory: without turns, two handlers could start from the same state.
    turn = asyncio.Lock()

    async def notice(
        rule: Callable[[State, E, dt.datetime], Noticed], event: E, delivery: Delivery
    ) -> None:
        async with turn:
            state = memory.get(event.student_id)
            noticed = rule(state, event, moment(event.timestamp, delivery))
            for struggle in noticed.found:
                await app.async_producer.send(STRUGGLE_DETECTED, struggle)
            memory.put(event.student_id, noticed.state)

    @app.on(LEARNING_QUERY)
    async def on_query(query: LearningQuery, delivery: Delivery) -> None:
        await notice(rules.after_query, query, delivery)

    @app.on(CODE_EXECUTION_RESULT)
    async def on_result(result: CodeExecutionResult, delivery: Delivery) -> None:
        await notice(rules.after_result, result, delivery)

    @app.on(EXERCISE_GRADED)
    async def on_grade(graded: ExerciseGraded, delivery: Delivery) -> None:
        await notice(rules.after_grade, graded, delivery)


def moment(text: str | None, delivery: Delivery) -> dt.datetime:
    """When it happened: the event's own time, else its envelope's, else its record's."""
    if text is not None:
        try:
            said = dt.datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            return said if said.tzinfo else said.replace(tzinfo=dt.UTC)
    known = delivery.attributes.time
    return known or dt.datetime.fromtimestamp(delivery.timestamp_ms / 1000, dt.UTC)
