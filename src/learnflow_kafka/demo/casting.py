"""
The five services as a cast for one show: their own groups, and only the show's students.

Whoever else uses the topics is not disturbed: the groups of the catalog keep their places,
and events of other students are skipped.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from learnflow_kafka.demo.code_runner import service as code_runner
from learnflow_kafka.demo.exercises import service as exercises
from learnflow_kafka.demo.progress import service as progress
from learnflow_kafka.demo.struggle_detector import service as struggle_detector
from learnflow_kafka.demo.tutor import service as tutor
from learnflow_kafka.errors import LearnflowError
from learnflow_kafka.events import CONTRACT
from learnflow_kafka.sdk import App, Contract, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from learnflow_kafka.core.connection import Connection
    from learnflow_kafka.demo.progress.projection import Projection
    from learnflow_kafka.demo.struggle_detector.memory import Memory

QUICK: Final = Settings(linger_ms=0, commit_interval=0.2, grace=10)
"""A show is watched: everything is sent and committed at once."""
PLAYED: Final = ("tutor", "code-runner", "exercises", "struggle-detector", "progress")
_JOIN: Final = 60.0


def contract_of(run: str) -> Contract:
    """The LearnFlow contract with groups of this run's own."""
    services = [
        replace(
            service,
            consumes=tuple(
                replace(wanted, group=group_of(run, wanted.group)) for wanted in service.consumes
            ),
        )
        for service in CONTRACT.services.values()
    ]
    return Contract.of(
        CONTRACT.name,
        CONTRACT.digest,
        topics=CONTRACT.topics.values(),
        services=services,
        exchanges=CONTRACT.exchanges,
    )


def group_of(run: str, group: str) -> str:
    """The group that stands in for one of the catalog during a run."""
    return f"{run}.{group}"


class RoleApp(App):
    """An app whose handlers see the students of one run, and nobody else's."""

    students = ""
    """What the ids of the run's students begin with."""

    def on(self, *arguments: Any, **options: Any) -> Any:
        """As `App.on`; events of other students count as handled."""
        register = super().on(*arguments, **options)

        def only_ours(handler: Callable[..., Any]) -> Callable[..., Any]:
            register(_of_students(self, handler))
            return handler

        return only_ours


def _of_students(app: RoleApp, handler: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(handler):

        @functools.wraps(handler)
        async def awaited(event: Any, *rest: Any) -> None:
            if event.student_id.startswith(app.students):
                await handler(event, *rest)

        return awaited

    @functools.wraps(handler)
    def called(event: Any, *rest: Any) -> None:
        if event.student_id.startswith(app.students):
            handler(event, *rest)

    return called


class Cast:
    """The five services, each an App on a thread of its own in this process."""

    def __init__(
        self, run: str, connection: Connection, *, memory: Memory, projection: Projection
    ) -> None:
        contract = contract_of(run)

        def hire(name: str, sends: Iterable[Any]) -> App:
            app = RoleApp(name, contract, bootstrap=connection, settings=QUICK, sends=sends)
            app.students = f"{run}-"
            return app

        self.apps = {
            module.NAME: hire(module.NAME, module.SENDS)
            for module in (tutor, code_runner, exercises, struggle_detector, progress)
        }
        tutor.register(self.apps[tutor.NAME])
        code_runner.register(self.apps[code_runner.NAME])
        exercises.register(self.apps[exercises.NAME])
        struggle_detector.register(self.apps[struggle_detector.NAME], memory)
        progress.register(self.apps[progress.NAME], projection)
        self._failed: list[LearnflowError] = []
        self._threads = [
            threading.Thread(target=self._run, args=(app,), name=f"demo-{name}", daemon=True)
            for name, app in self.apps.items()
        ]

    def _run(self, app: App) -> None:
        try:
            asyncio.run(app.serve())
        except LearnflowError as error:
            self._failed.append(error)

    def start(self) -> None:
        """Start every service; returns at once."""
        for thread in self._threads:
            thread.start()

    def ready(self) -> bool:
        """Whether every service has its partitions."""
        return all(app.health().ready for app in self.apps.values())

    def check(self) -> None:
        """Raise what ended a service, if one had to stop."""
        if self._failed:
            raise self._failed[0]

    def stop(self) -> None:
        """Have every service finish what it does and leave its group; waits for that."""
        for app in self.apps.values():
            app.stop()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_JOIN)
