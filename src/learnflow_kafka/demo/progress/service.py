"""
Progress's handlers.

The rows are stored before the update is sent: after a crash between the two the grade comes
again, and its update, which was stored with it, is sent then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.events import EXERCISE_ASSIGNED, EXERCISE_GRADED, PROGRESS_UPDATED

if TYPE_CHECKING:
    from learnflow_kafka.demo.progress.projection import Projection
    from learnflow_kafka.events import ExerciseAssigned, ExerciseGraded
    from learnflow_kafka.sdk import App

NAME: Final = "progress"
SENDS: Final = (PROGRESS_UPDATED,)


def register(app: App, projection: Projection) -> None:
    """Add progress's handlers to its app."""

    @app.on(EXERCISE_ASSIGNED)
    async def on_assigned(assigned: ExerciseAssigned) -> None:
        projection.assigned(assigned)

    @app.on(EXERCISE_GRADED)
    async def on_graded(graded: ExerciseGraded) -> None:
        await app.async_producer.send(PROGRESS_UPDATED, projection.graded(graded))
