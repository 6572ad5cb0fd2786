"""The code runner's handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.demo.code_runner.runner import Limits, Outcome, run
from learnflow_kafka.events import (
    CODE_EXECUTION_REQUEST_EXCHANGE,
    CODE_EXECUTION_RESULT,
    CodeExecutionResult,
)
from learnflow_kafka.sdk import Reject

if TYPE_CHECKING:
    from learnflow_kafka.events import CodeExecutionRequest, CodeExecutionRequestLimits
    from learnflow_kafka.sdk import App

NAME: Final = "code-runner"
SENDS: Final = (CODE_EXECUTION_RESULT,)
MOST: Final = Limits()
"""No request gets more than this."""


def register(app: App) -> None:
    """Add the code runner's handler to its app."""

    # A plain function: it waits for a process, so it belongs on a thread, not on the loop.
    @app.answers(CODE_EXECUTION_REQUEST_EXCHANGE)
    def on_request(request: CodeExecutionRequest) -> CodeExecutionResult:
        if request.language != "python":
            raise Reject(f"only Python can be run here, not {request.language}")
        outcome = run(request.source, stdin=request.stdin or "", limits=limits(request.limits))
        return result(request, outcome)


def limits(wanted: CodeExecutionRequestLimits | None) -> Limits:
    """What the request asks for, as far as the runner allows it."""
    if wanted is None:
        return MOST
    return Limits(
        wall_seconds=_at_most(MOST.wall_seconds, wanted.wall_ms, 1000),
        cpu_seconds=_at_most(MOST.cpu_seconds, wanted.cpu_ms, 1000),
        memory_bytes=int(_at_most(MOST.memory_bytes, wanted.memory_bytes, 1)),
        output_bytes=int(_at_most(MOST.output_bytes, wanted.output_bytes, 1)),
    )


def _at_most(most: float, wanted: int | None, unit: int) -> float:
    return most if wanted is None else min(most, wanted / unit)


def result(request: CodeExecutionRequest, outcome: Outcome) -> CodeExecutionResult:
    """The event that answers a request; ids are passed on, so that others can tell whose it is."""
    return CodeExecutionResult(
        execution_id=request.execution_id,
        student_id=request.student_id,
        language=request.language,
        exit_code=outcome.exit_code,
        stdout=outcome.stdout,
        stderr=outcome.stderr,
        duration_ms=outcome.duration_ms,
        error_type=outcome.error_type,
        truncated=outcome.truncated or None,
        exercise_id=request.exercise_id,
        submission_id=request.submission_id,
    )
