"""The tutor's handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.demo.tutor.answers import answer, offer_help
from learnflow_kafka.events import (
    LEARNING_QUERY_EXCHANGE,
    LEARNING_RESPONSE,
    STRUGGLE_DETECTED,
)
from learnflow_kafka.sdk import Reject

if TYPE_CHECKING:
    from learnflow_kafka.events import LearningQuery, LearningResponse, StruggleDetected
    from learnflow_kafka.sdk import App

NAME: Final = "tutor"
SENDS: Final = (LEARNING_RESPONSE,)


def register(app: App) -> None:
    """Add the tutor's handlers to its app."""

    @app.answers(LEARNING_QUERY_EXCHANGE)
    async def on_query(query: LearningQuery) -> LearningResponse:
        if not query.query.strip():
            raise Reject("an empty question has no answer")
        return answer(query)

    @app.on(STRUGGLE_DETECTED)
    async def on_struggle(struggle: StruggleDetected) -> None:
        await app.async_producer.send(LEARNING_RESPONSE, offer_help(struggle))
